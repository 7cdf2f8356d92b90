//! What the wait layer leaves on an answer.

use std::io;
use std::time::Duration;

use http::{Request, Response};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::{Class, Outcome};
use tower_steady_retry_after::RetryAfterLayer;

/// Sends one call through the layer to a server that answers like this.
async fn call(answer: Result<Response<()>, BoxError>) -> Result<Response<()>, BoxError> {
    let mut answer = Some(answer);
    let mut service = ServiceBuilder::new()
        .layer(RetryAfterLayer::new())
        .service(service_fn(move |_: Request<()>| {
            std::future::ready(answer.take().expect("one call"))
        }));
    service.ready().await?.call(Request::new(())).await
}

fn answer(
    status: u16,
    headers: &[(&str, &str)],
    note: Option<Outcome>,
) -> Result<Response<()>, BoxError> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    if let Some(note) = note {
        response = response.extension(note);
    }
    Ok(response.body(()).unwrap())
}

fn note(class: Class, wait: Option<Duration>) -> Option<Outcome> {
    let mut outcome = Outcome::new(class);
    outcome.wait = wait;
    Some(outcome)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_refusal_carries_the_wait() {
    for status in [429, 503, 529, 500, 402, 413] {
        let result = call(answer(status, &[("retry-after", "7")], None)).await;
        let outcome = Outcome::note(&result).expect("a note");
        assert_eq!(outcome.wait, Some(SECOND * 7), "{status}");
        assert_eq!(
            outcome.class,
            Outcome::read(&call(answer(status, &[], None)).await).class
        );
    }
}

#[tokio::test]
async fn a_refusal_without_a_hint_stays_without_a_note() {
    for headers in [&[][..], &[("retry-after", "soon")]] {
        let result = call(answer(429, headers, None)).await;
        assert!(Outcome::note(&result).is_none());
    }
}

#[tokio::test]
async fn a_success_stays_as_it_is() {
    for status in [200, 204, 301] {
        let result = call(answer(status, &[("retry-after", "7")], None)).await;
        assert!(result.unwrap().extensions().is_empty(), "{status}");
    }
    let result = call(answer(
        200,
        &[("retry-after", "7")],
        note(Class::Success, None),
    ))
    .await;
    assert_eq!(Outcome::read(&result).wait, None);
}

#[tokio::test]
async fn a_200_that_was_classified_as_a_refusal_is_one() {
    let result = call(answer(
        200,
        &[("retry-after", "7")],
        note(Class::Overloaded, None),
    ))
    .await;
    assert_eq!(Outcome::read(&result).wait, Some(SECOND * 7));
}

#[tokio::test]
async fn the_longer_of_header_and_body_counts() {
    for (in_body, in_header, expected) in [(5, "2", 5), (2, "5", 5), (5, "5", 5)] {
        let note = note(Class::RateLimited, Some(SECOND * in_body));
        let result = call(answer(429, &[("retry-after", in_header)], note)).await;
        assert_eq!(Outcome::read(&result).wait, Some(SECOND * expected));
    }
}

/// OpenAI's reset tells when the bucket is full, its body when one request fits.
#[tokio::test]
async fn a_quota_counts_only_if_nobody_else_named_a_wait() {
    let quota = [
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    for (in_body, expected) in [(Some(SECOND), SECOND), (None, SECOND * 360)] {
        let result = call(answer(429, &quota, note(Class::RateLimited, in_body))).await;
        assert_eq!(Outcome::read(&result).wait, Some(expected));
    }
}

#[tokio::test]
async fn pushback_of_grpc_may_forbid_the_retry() {
    for (value, transient) in [("100", true), ("-1", false), ("x", false)] {
        let headers = [("grpc-retry-pushback-ms", value)];
        let result = call(answer(200, &headers, note(Class::Overloaded, None))).await;
        assert_eq!(Outcome::read(&result).transient, transient, "{value}");
    }
}

#[tokio::test]
async fn an_error_passes_as_it_is() {
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let error = call(Err(refused.into())).await.unwrap_err();
    assert_eq!(
        error.downcast::<io::Error>().unwrap().kind(),
        io::ErrorKind::ConnectionRefused
    );
}

/// anthropic, openai-node and cohere retry early where a hint is over their cap. The cap is the retry
/// layer's here: the whole wait reaches it.
#[tokio::test]
async fn no_wait_is_cut_short() {
    let result = call(answer(429, &[("retry-after", "13262")], None)).await;
    assert_eq!(Outcome::read(&result).wait, Some(SECOND * 13_262));
}
