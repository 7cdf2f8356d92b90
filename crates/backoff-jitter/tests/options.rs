//! What is off unless asked for: repair, attempt header, idempotency key. And the head as it was.

mod common;

use std::collections::HashSet;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_steady_backoff_jitter::{
    Jitter, MaxAttempts, NoRepair, NonIdempotent, Repair, RetryBuilder, RetryLayer,
};
use tower_steady_core::{Attempt, Class, Deadline, Outcome, VetoReason};

use self::common::*;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ATTEMPT: HeaderName = HeaderName::from_static("x-attempt");

fn plain() -> RetryBuilder {
    RetryLayer::builder().jitter(Jitter::None)
}

async fn run<R: Repair<Body>>(
    layer: RetryBuilder<R>,
    provider: &Provider,
    request: Request<Body>,
) -> Answer {
    let service = ServiceBuilder::new()
        .layer(layer.build().unwrap())
        .service(service(provider));
    call(service, request).await
}

fn too_long() -> Play {
    noted(400, |outcome| {
        outcome.class = Class::ContextLength;
        outcome.whole = true;
    })
}

fn shorten(_: &Outcome, request: Request<Body>) -> Option<Request<Body>> {
    Some(request.map(|_| Body::from("short")))
}

#[tokio::test(start_paused = true)]
async fn a_repaired_request_goes_at_once_and_stands_from_then_on() {
    let provider = Provider::script([too_long(), bare(503)]);
    let layer = plain().repair([Class::ContextLength], shorten);
    let answer = run(layer, &provider, request()).await;

    assert!(answer.is_ok());
    let bodies: Vec<_> = provider
        .seen()
        .iter()
        .map(|seen| seen.body.clone())
        .collect();
    assert_eq!(bodies, ["{}", "short", "short"]);
    assert_eq!(provider.gaps(), [Duration::ZERO, Duration::from_secs(2)]);
    let repaired: Vec<_> = report(&answer)
        .attempts
        .iter()
        .map(|try_| try_.repaired)
        .collect();
    assert_eq!(repaired, [false, true, false]);
    // A final failure comes without a gate: a budget below is left to charge the repeat.
    let unpaid = Attempt::new(2, false).after(Class::ContextLength);
    assert_eq!(provider.seen()[1].note, Some(unpaid));
}

#[tokio::test(start_paused = true)]
async fn a_repair_is_asked_once_and_for_its_classes_only() {
    for (class, sends) in [(Class::ContextLength, 2), (Class::ContentPolicy, 1)] {
        let provider = Provider::script((0..5).map(|_| too_long()));
        let answer = run(plain().repair([class], shorten), &provider, request()).await;
        assert_eq!(provider.sends(), sends);
        assert_eq!(outcome(&answer).class, Class::ContextLength);
        assert_eq!(veto(&answer), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_counts_within_the_limit_and_yields_to_every_veto() {
    for (limit, sends) in [(1, 1), (2, 2), (3, 3)] {
        let provider = Provider::script([bare(503), too_long()]);
        let layer = plain()
            .repair([Class::ContextLength], shorten)
            .max_attempts(limit);
        let answer = run(layer, &provider, request()).await;
        assert_eq!(provider.sends(), sends, "{limit}");
        let vetoed = (limit < 3).then_some(VetoReason::Attempts);
        assert_eq!(veto(&answer), vetoed);
    }
    let marked = |request: &mut Request<Body>| {
        request.extensions_mut().insert(NonIdempotent);
    };
    let late = |request: &mut Request<Body>| {
        let now = Instant::now().into_std();
        request.extensions_mut().insert(Deadline::at(now));
    };
    type Prepare<'a> = &'a dyn Fn(&mut Request<Body>);
    let cases: [(Prepare<'_>, VetoReason); 2] = [
        (&marked, VetoReason::NotIdempotent),
        (&late, VetoReason::Deadline),
    ];
    for (prepare, reason) in cases {
        let provider = Provider::script([too_long()]);
        let mut request = request();
        prepare(&mut request);
        let layer = plain().repair([Class::ContextLength], shorten);
        let answer = run(layer, &provider, request).await;
        assert_eq!((provider.sends(), veto(&answer)), (1, Some(reason)));
    }
}

/// What a loop below has sent counts: its three sends leave no room for a fourth here.
#[tokio::test(start_paused = true)]
async fn a_repair_counts_the_sends_of_a_loop_below() {
    for (before, sends) in [(2, 3), (1, 3), (0, 2)] {
        let plays = (0..before).map(|_| bare(503)).chain([too_long()]);
        let provider = Provider::script(plays);
        let outer = plain()
            .repair([Class::ContextLength], shorten)
            .max_attempts(3);
        let inner = plain().max_attempts(3).build().unwrap();
        let service = ServiceBuilder::new()
            .layer(outer.build().unwrap())
            .layer(inner)
            .service(service(&provider));
        let answer = call(service, request()).await;
        assert_eq!((provider.sends(), report(&answer).sends()), (sends, sends));
        assert_eq!(
            answer.is_ok_and(|answer| answer.status() == 200),
            before < 2
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_declines_leaves_the_failure_as_it_is() {
    fn decline(_: &Outcome, _: Request<Body>) -> Option<Request<Body>> {
        None
    }
    let provider = Provider::script([too_long()]);
    let answer = run(
        plain().repair([Class::ContextLength], decline),
        &provider,
        request(),
    )
    .await;
    assert_eq!((provider.sends(), veto(&answer)), (1, None));

    // A transient class is then retried as ever.
    let provider = Provider::script([bare(503)]);
    let answer = run(
        plain().repair([Class::Overloaded], decline),
        &provider,
        request(),
    )
    .await;
    assert_eq!(
        (provider.sends(), answer.unwrap().status().as_u16()),
        (2, 200)
    );
}

/// A gate that refuses the repaired request is not walked around with the plain one.
#[tokio::test(start_paused = true)]
async fn a_gate_refuses_the_repaired_request_and_the_plain_one_with_it() {
    let gate = Counter::new(0);
    let provider = Provider::script([gated(&gate, bare(503))]);
    let layer = plain().repair([Class::Overloaded], shorten);
    let answer = run(layer, &provider, request()).await;
    assert_eq!(
        (provider.sends(), veto(&answer)),
        (1, Some(VetoReason::Budget))
    );
}

#[tokio::test(start_paused = true)]
async fn no_header_is_added_unless_asked() {
    let provider = Provider::script([bare(503)]);
    let _ = run(plain(), &provider, request()).await;
    assert!(
        provider
            .seen()
            .iter()
            .all(|seen| seen.head.headers.is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn the_attempt_header_counts_from_one_in_place_of_the_callers() {
    for inherited in [false, true] {
        let provider = Provider::script([bare(503), bare(503)]);
        let mut request = request();
        if inherited {
            let seven = HeaderValue::from_static("7");
            request.headers_mut().append(ATTEMPT, seven.clone());
            request.headers_mut().append(ATTEMPT, seven);
        }
        let _ = run(plain().attempt_header(ATTEMPT), &provider, request).await;
        let seen = provider.seen();
        let numbers: Vec<Vec<_>> = seen
            .iter()
            .map(|seen| seen.head.headers.get_all(ATTEMPT).iter().collect())
            .collect();
        assert_eq!(numbers, [["1"], ["2"], ["3"]]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_idempotency_key_is_one_a_call_and_another_for_every_call() {
    let layer = plain().idempotency_key(KEY).seed(1).build().unwrap();
    let again = plain().idempotency_key(KEY).seed(1).build().unwrap();
    let mut keys = HashSet::new();
    for layer in [&layer, &layer, &again, &again] {
        let provider = Provider::script([bare(503), bare(503)]);
        let service = ServiceBuilder::new()
            .layer(layer.clone())
            .service(service(&provider));
        let _ = call(service, request()).await;
        let seen = provider.seen();
        let sent: HashSet<_> = seen.iter().map(|seen| &seen.head.headers[&KEY]).collect();
        assert_eq!((seen.len(), sent.len()), (3, 1));
        let key = seen[0].head.headers[&KEY].clone();
        assert_eq!(key.len(), 32);
        // Also where the delays are seeded: a key that repeats is answered from a provider's store.
        assert!(keys.insert(key));
    }
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_key_is_kept_and_a_repaired_request_gets_another_of_ours() {
    for (own, same) in [(true, true), (false, false)] {
        let provider = Provider::script([too_long(), bare(503)]);
        let mut request = request();
        if own {
            request
                .headers_mut()
                .insert(KEY, HeaderValue::from_static("mine"));
        }
        let layer = plain()
            .idempotency_key(KEY)
            .repair([Class::ContextLength], shorten);
        let _ = run(layer, &provider, request).await;
        let seen = provider.seen();
        let key = |index: usize| &seen[index].head.headers[&KEY];
        assert_eq!(key(0) == key(1), same);
        assert_eq!(key(1), key(2));
    }
}

#[test]
fn repairs_can_be_types_and_functions() {
    fn takes<B>(_: impl Repair<B>) {}
    takes::<Body>(shorten);
    takes::<Body>(NoRepair);
}

/// Every shape of URI that `http` lets be made.
const URIS: [&str; 11] = [
    "http://host",
    "http://host/",
    "https://user:pass@host:8443/a/b?c=d&e",
    "http://[::1]:80/?q",
    "unix+socket://host/p%20q?%ff",
    "/",
    "/a?b=c",
    "*",
    "host:443",
    "host",
    "/a?",
];

fn everything(uri: Uri) -> Request<Body> {
    let mut request = request();
    *request.uri_mut() = uri;
    *request.method_mut() = Method::from_bytes(b"A-METHOD-LONGER-THAN-INLINE").unwrap();
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    let mut secret = HeaderValue::from_static("Bearer sk-1");
    secret.set_sensitive(true);
    headers.append("x-multi", HeaderValue::from_static("one"));
    headers.append(AUTHORIZATION, secret);
    headers.append("x-multi", HeaderValue::from_static(""));
    headers.append(
        "x-opaque",
        HeaderValue::from_bytes(b"\x80\xff\t ok").unwrap(),
    );
    headers.append("x-multi", HeaderValue::from_static("three"));
    headers.append(
        "x-long",
        HeaderValue::try_from("v".repeat(100 * 1024)).unwrap(),
    );
    headers.append("x-last", HeaderValue::from_static("z"));
    // A removal moves the last entry into the gap: the order is the map's, not the calls'.
    headers.append("x-gone", HeaderValue::from_static("g"));
    headers.remove("x-gone");
    request
}

fn flat(headers: &HeaderMap) -> Vec<(&HeaderName, &HeaderValue, bool)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name, value, value.is_sensitive()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_retry_sends_the_same_head_again() {
    let nothing = Uri::from_parts(http::uri::Parts::default()).unwrap();
    let uris = URIS.iter().map(|uri| uri.parse().unwrap()).chain([nothing]);
    for uri in uris {
        let provider = Provider::script([bare(503), bare(503)]);
        let sent = everything(uri);
        let expected = everything(sent.uri().clone());
        assert!(run(plain(), &provider, sent).await.is_ok());
        for seen in provider.seen() {
            assert_eq!(&seen.head.uri, expected.uri());
            assert_eq!(seen.head.uri.to_string(), expected.uri().to_string());
            assert_eq!(&seen.head.method, expected.method());
            assert_eq!(seen.head.version, expected.version());
            assert_eq!(flat(&seen.head.headers), flat(expected.headers()));
            assert_eq!(seen.body, "{}");
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Custom(String);

#[tokio::test(start_paused = true)]
async fn a_retry_carries_the_extensions_of_the_first_try() {
    for foreign in [false, true] {
        let provider = Provider::script([bare(503), bare(503)]);
        let mut request = request();
        let deadline = Deadline::at((Instant::now() + Duration::from_secs(60)).into_std());
        let extensions = request.extensions_mut();
        extensions.insert(deadline);
        extensions.insert(MaxAttempts(4));
        if foreign {
            extensions.insert(Custom("axum's".to_owned()));
        }
        assert!(run(plain(), &provider, request).await.is_ok());
        for (index, seen) in provider.seen().iter().enumerate() {
            let extensions = &seen.head.extensions;
            assert_eq!(Deadline::of(extensions), Some(deadline));
            assert_eq!(extensions.get(), Some(&MaxAttempts(4)));
            assert_eq!(extensions.get::<Custom>().is_some(), foreign);
            let ours = 2 + usize::from(index > 0);
            assert_eq!(extensions.len(), ours + usize::from(foreign));
        }
    }
}
