//! Every response and every hint of the corpus, through the real layers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use conformance::{Case, hints, own, responses};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_steady_classify::{ClassifyLayer, classify_response};
use tower_steady_core::{BoxError, Outcome};
use tower_steady_retry_after::RetryAfterLayer;

/// A body in given chunks.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn of(body: &Bytes, size: usize) -> Self {
        Self(body.chunks(size).map(Bytes::copy_from_slice).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// The outcome of the layers, and the body that the caller gets.
async fn play<B>(case: &Case, response: Response<B>) -> (Outcome, Bytes)
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let mut builder = ClassifyLayer::builder();
    if let Some(provider) = case.provider() {
        builder = builder.provider(provider);
    }
    let mut response = Some(response);
    let service = service_fn(move |_: Request<()>| {
        let response = response.take().expect("called once");
        async { Ok::<_, BoxError>(response) }
    });
    let service = builder.build().unwrap().layer(service);
    let result = RetryAfterLayer::new()
        .layer(service)
        .oneshot(Request::new(()))
        .await;
    let outcome = Outcome::read(&result);
    let body = result.unwrap().into_body().collect().await.unwrap();
    (outcome, body.to_bytes())
}

fn wrong(case: &Case, outcome: &Outcome) -> Vec<String> {
    let wait = outcome
        .wait
        .map(|wait| u64::try_from(wait.as_millis()).unwrap());
    let got = [
        ("class", json!(outcome.class.as_str())),
        ("retry", json!(outcome.transient)),
        ("wait_ms", json!(wait)),
    ];
    let miss = |(field, got): (&str, Value)| {
        // A hint says nothing of the class; a missing wait is a word of its own.
        let asked = field == "wait_ms" || case.expects(field);
        (asked && !case.accepts(field, &got)).then(|| {
            let rule = outcome.rule;
            format!("{}: {field} {got} by {rule:?}: {}", case.id(), case.note())
        })
    };
    got.into_iter().filter_map(miss).collect()
}

fn cases() -> impl Iterator<Item = Case> {
    let responses = responses().into_iter();
    responses
        .filter(|case| case.transport().is_none())
        .chain(own())
        .chain(hints())
}

#[tokio::test(start_paused = true)]
async fn layers_agree_with_the_corpus_and_hand_the_body_on_as_it_came() {
    let mut misses = Vec::new();
    for case in cases() {
        let (outcome, body) = play(&case, case.response()).await;
        assert_eq!(body, case.body(), "{}", case.id());
        misses.extend(wrong(&case, &outcome));
    }
    assert!(misses.is_empty(), "{misses:#?}");
    assert!(cases().count() > 550, "the corpus is there");
}

#[tokio::test(start_paused = true)]
async fn pieces_make_no_difference() {
    let mut misses = Vec::new();
    for case in cases() {
        for size in [1, 7] {
            let response = case.response().map(|_| Pieces::of(&case.body(), size));
            let (outcome, body) = play(&case, response).await;
            assert_eq!(body, case.body(), "{}", case.id());
            misses.extend(wrong(&case, &outcome));
        }
    }
    assert!(misses.is_empty(), "{misses:#?}");
}

/// The entry point for logs and tools says what the layer says, the waits in headers aside.
#[tokio::test(start_paused = true)]
async fn offline_and_layer_agree() {
    for case in cases() {
        let (of_layer, _) = play(&case, case.response()).await;
        let response = case.response();
        let offline = classify_response(
            response.status(),
            response.headers(),
            &case.body(),
            case.provider(),
        );
        assert_eq!(offline.class, of_layer.class, "{}", case.id());
        assert_eq!(offline.transient, of_layer.transient, "{}", case.id());
        assert_eq!(offline.rule, of_layer.rule, "{}", case.id());
    }
}

/// Most rules must not need to be told who answers.
#[tokio::test(start_paused = true)]
async fn provider_is_hardly_ever_needed() {
    let mut differ = Vec::new();
    for case in cases() {
        let (told, _) = play(&case, case.response()).await;
        let response: Response<Full<Bytes>> = case.response();
        let body = case.body();
        let untold = classify_response(response.status(), response.headers(), &body, None);
        if (untold.class, untold.transient) != (told.class, told.transient) {
            differ.push(case.id().to_owned());
        }
    }
    assert!(differ.len() <= 4, "{differ:?}");
}
