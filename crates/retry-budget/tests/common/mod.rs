//! A provider that answers what the request asks for, and the part of a retry layer that budgets see.

#![allow(dead_code, reason = "each test file uses a part")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt};
use tower_steady_core::{Attempt, BoxError, Class, Failure, Gate, Grant, Outcome, Veto};

pub(crate) type Body = Full<Bytes>;
pub(crate) type Answer = Result<Response<Body>, BoxError>;

/// The status to answer with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status(pub(crate) u16);

/// A request to which the provider answers `status`.
pub(crate) fn request(status: u16) -> Request<Body> {
    let mut request = Request::new(Full::from("four byte"));
    request.extensions_mut().insert(Status(status));
    request
}

/// The same as a repeat: the `number`th try, after one of class `after`.
pub(crate) fn repeat(status: u16, attempt: Attempt) -> Request<Body> {
    let mut request = request(status);
    request.extensions_mut().insert(attempt);
    request
}

pub(crate) async fn provider(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let Status(status) = *request.extensions().get().expect("a status to answer with");
    let response = Response::builder().status(status).body(Body::default());
    Ok(response.expect("a valid status"))
}

/// One call through `layer` to the provider.
pub(crate) async fn send<L, S>(layer: &L, request: Request<Body>) -> Answer
where
    L: Layer<tower::util::ServiceFn<fn(Request<Body>) -> Answering>, Service = S>,
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    fn answer(request: Request<Body>) -> Answering {
        Box::pin(provider(request))
    }
    let inner = tower::service_fn(answer as fn(Request<Body>) -> Answering);
    layer.layer(inner).oneshot(request).await
}

pub(crate) type Answering =
    std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The gate on an answer.
pub(crate) fn gate(answer: &mut Answer) -> Option<std::sync::Arc<dyn Gate>> {
    let mut gate = None;
    Outcome::amend(answer, |outcome| gate = outcome.take_gate());
    gate
}

/// Asks the gate on an answer for a retry.
pub(crate) fn ask(answer: &mut Answer) -> Result<Grant, Veto> {
    ask_at_gate(gate(answer).expect("a gate"))
}

/// Asks a gate for a retry.
pub(crate) fn ask_at_gate(gate: std::sync::Arc<dyn Gate>) -> Result<Grant, Veto> {
    Grant::ask(gate, tokio::time::Instant::now().into_std())
}

/// One call as a retry layer makes it: up to `statuses.len()` tries, each asked for at the gate.
/// Gives the number of tries that were sent, and the last answer.
pub(crate) async fn call<L, S>(layer: &L, statuses: &[u16]) -> (usize, Answer)
where
    L: Layer<tower::util::ServiceFn<fn(Request<Body>) -> Answering>, Service = S>,
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    let mut sent = 0;
    let mut before: Option<Class> = None;
    loop {
        let mut request = request(statuses[sent]);
        if let Some(class) = before {
            let number = u32::try_from(sent).expect("few") + 1;
            request
                .extensions_mut()
                .insert(Attempt::new(number, true).after(class));
        }
        let mut answer = send(layer, request).await;
        sent += 1;
        let outcome = Outcome::read(&answer);
        if !outcome.may_retry() || sent == statuses.len() {
            return (sent, answer);
        }
        match ask(&mut answer) {
            Ok(grant) => grant.spend(),
            Err(veto) => {
                Outcome::amend(&mut answer, |outcome| outcome.forbid(veto));
                return (sent, answer);
            }
        }
        before = Some(outcome.class);
    }
}

/// The failure that a layer here answered with.
pub(crate) fn failure(answer: &Answer) -> &Failure {
    let error = answer.as_ref().expect_err("a failure");
    Failure::find(&**error).expect("a `Failure`")
}
