//! A success in JSON, which may be an error all the same.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{JSON, Step, answer, call, frames, outcome, scripted};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{BoxError, Class, Outcome};

#[tokio::test(start_paused = true)]
async fn json_success_may_be_an_error_and_is_noted_as_one() {
    let error = r#"{"error":{"code":502,"message":"upstream"},"user_id":"u"}"#;
    let (body, dropped) = scripted([Step::data(error)]);
    let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
        .await
        .unwrap();
    assert_eq!(outcome(&response).class, Class::ServerError);
    assert!(outcome(&response).whole && dropped.yet());

    let layer = ClassifyLayer::builder().json_look(false).build().unwrap();
    let (body, _) = scripted([Step::data(error)]);
    let response = call(&layer, answer(200, JSON, body)).await.unwrap();
    assert!(response.extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn json_success_in_one_piece_is_told_from_an_error_and_handed_on_as_it_came() {
    let many = "x".repeat(8 * 1024);
    let long = format!(r#"{{"text":"{many}","error":"late"}}"#);
    let wordy = format!(r#"{{"error":{{"message":"{many}","code":529}}}}"#);
    let job = format!(r#"{{"object":"fine_tuning.job","error":{{"message":"{many}"}}}}"#);
    for (body, class) in [
        (r#"{"text":"hello"}"#, None),
        (r#"{"text":"\"error\": \"no\"","error":null}"#, None),
        ("not JSON", None),
        (
            r#" {"id":"x","error":{"code":502}}"#,
            Some(Class::ServerError),
        ),
        (
            r#"{"error":"Overloaded","code":529}"#,
            Some(Class::Overloaded),
        ),
        (long.as_str(), None),
        (wordy.as_str(), Some(Class::Overloaded)),
        (job.as_str(), None),
    ] {
        let whole = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let response = ClassifyLayer::new()
            .layer(service_fn(async |_: Request<()>| {
                let head = Response::builder().header("content-type", JSON);
                Ok::<_, BoxError>(head.body(whole.clone()).unwrap())
            }))
            .oneshot(Request::new(()))
            .await
            .unwrap();
        let note = response.extensions().get::<Outcome>();
        assert_eq!(note.map(|note| note.class), class, "{body}");
        let answer = response.into_body();
        assert!(!answer.is_end_stream());
        assert_eq!(answer.size_hint().exact(), Some(body.len() as u64));
        let mut answer = std::pin::pin!(answer);
        let frame = answer.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), body);
        assert!(answer.is_end_stream());
        assert_eq!(answer.size_hint().exact(), Some(0));
        assert!(answer.frame().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn json_success_is_passed_on_at_its_first_sign_of_an_answer() {
    let start = r#"{"id":"x","choices":[{"message":{"content":"{\"error\":1}"#;
    let (body, _) = scripted([Step::data(start), Step::Hang]);
    let begun = Instant::now();
    let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
        .await
        .unwrap();
    assert!(response.extensions().is_empty());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn json_success_that_breaks_before_the_caller_has_it_is_a_broken_transport() {
    let (body, _) = scripted([Step::data("{\"id\":"), Step::Break]);
    let response = call(&ClassifyLayer::new(), answer(200, JSON, body))
        .await
        .unwrap();
    let note = outcome(&response);
    assert_eq!(
        (note.class, note.transient, note.sent),
        (Class::Transport, true, true)
    );
    assert_eq!(
        frames(response.into_body()).await,
        ["{\"id\":", "error: broken"]
    );
}
