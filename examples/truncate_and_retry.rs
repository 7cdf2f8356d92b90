//! A prompt that is too long for the model is shortened and sent once more.
//! `cargo run --example truncate_and_retry`

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::backoff_jitter::RetryLayer;
use tower_steady::{Class, Outcome, Report, Steady};
use tower_steady_testkit::{Answer, Provider};

/// What this client sends: the JSON itself, which the innermost layer writes out.
type Chat = Request<Value>;

/// Drops the oldest messages but the first, which is the system's.
fn truncate(_failed: &Outcome, mut request: Chat) -> Option<Chat> {
    const KEPT: usize = 2;
    let messages = request.body_mut()["messages"].as_array_mut()?;
    let surplus = messages.len().checked_sub(1 + KEPT)?;
    messages.drain(1..=surplus);
    Some(request)
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let provider = Provider::new([Answer::context_length(), Answer::ok_chat("Hello")]);
    let retry = RetryLayer::builder()
        .repair([Class::ContextLength], truncate)
        .build()?;
    let llm = ServiceBuilder::new()
        .layer(Steady::interactive().with_retry(retry))
        .map_request(|request: Chat| request.map(|json| Full::<Bytes>::from(json.to_string())))
        .service(provider.service());

    let turns = (0..20).map(|turn| json!({ "role": "user", "content": format!("turn {turn}") }));
    let mut messages = vec![json!({ "role": "system", "content": "Be brief." })];
    messages.extend(turns);
    let request = Request::post("http://provider.test/v1/chat/completions")
        .body(json!({ "model": "m", "messages": messages }))?;
    let answer = llm.oneshot(request).await;

    let report = Report::of(&answer).expect("more than one attempt");
    println!("{report}; repaired: {}", report.attempts[1].repaired);
    for call in provider.calls() {
        println!("{} bytes", call.body.len());
    }
    let sent: Value = serde_json::from_slice(&provider.calls()[1].body)?;
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    assert_eq!(answer?.status(), 200);
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
