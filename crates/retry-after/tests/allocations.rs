//! The path of a success allocates nothing, and neither does a refusal that names no wait.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::request::Parts;
use http::{Request, Response};
use tower::{Layer, Service};
use tower_steady_core::key::{BySecret, RequestKey};
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};

/// Answers with the status that is in the request.
#[derive(Clone)]
struct Echo;

impl Service<Request<u16>> for Echo {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<u16>) -> Self::Future {
        let mut response = Response::new(());
        *response.status_mut() = request.into_body().try_into().unwrap();
        ready(Ok(response))
    }
}

fn request(host: &str, status: u16) -> Request<u16> {
    let uri = format!("https://{host}.example/v1");
    Request::get(uri).body(status).unwrap()
}

/// What one call and its answer allocate, the request itself left out.
fn allocations<S: Service<Request<u16>>>(service: &mut S, request: Request<u16>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let info = allocation_counter::measure(move || {
        assert!(service.poll_ready(&mut cx).is_ready());
        let call = pin!(service.call(request));
        assert!(call.poll(&mut cx).is_ready());
    });
    info.count_total
}

#[test]
fn an_answer_that_names_no_wait_costs_nothing_to_read() {
    let mut service = RetryAfterLayer::new().layer(Echo);
    for status in [200, 204, 400, 429, 500, 503, 529] {
        assert_eq!(
            allocations(&mut service, request("a", status)),
            0,
            "{status}"
        );
    }
}

#[test]
fn an_unpaused_call_to_a_known_key_allocates_nothing() {
    let mut service = PauseLayer::new().layer(Echo);
    for host in ["a", "b", "c", "d"] {
        assert_eq!(allocations(&mut service, request(host, 200)), 1, "{host}");
    }
    // One after the other, back and forth, in any order; refused without a wait, too.
    for hosts in ["aaaa", "abab", "abcd", "dcba", "adbc"] {
        for host in hosts.split_inclusive(|_| true) {
            for status in [200, 429] {
                let count = allocations(&mut service, request(host, status));
                assert_eq!(count, 0, "{host} of {hosts}, {status}");
            }
        }
    }
    // A fifth takes the place of one of them; a clone has none.
    assert_eq!(allocations(&mut service, request("e", 200)), 1);
    assert_eq!(allocations(&mut service, request("e", 200)), 0);
    assert_eq!(allocations(&mut service.clone(), request("e", 200)), 1);
}

/// A key that cannot be compared with a request is made for each call, but not on the heap.
#[test]
fn nor_does_a_known_key_that_a_function_makes() {
    let secret = BySecret::api_key();
    let layer = PauseLayer::builder().key(move |parts: &Parts| secret.key(parts));
    let mut service = layer.build().unwrap().layer(Echo);
    for (secret, expected) in [("a", 1), ("b", 1), ("a", 0), ("b", 0), ("b", 0), ("a", 0)] {
        let mut request = request("host", 200);
        request
            .headers_mut()
            .insert("x-api-key", secret.parse().unwrap());
        assert_eq!(allocations(&mut service, request), expected, "{secret}");
    }
}
