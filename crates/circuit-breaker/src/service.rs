use std::fmt;
use std::mem;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tower_steady_core::key::{Everything, RequestKey};
use tower_steady_core::{BoxError, Lease, readiness};

use crate::body::ResponseBody;
use crate::circuit::Circuit;
use crate::future::ResponseFuture;
use crate::layer::Circuits;
use crate::permit::{Admitted, Permit};

/// Calls the inner service only while its circuit lets it.
///
/// # Readiness
///
/// While a circuit rejects calls, `poll_ready` is ready even if the inner service is not, so that
/// `call` can fail fast in front of a saturated one. Permits are taken in `call` alone: a clone that is
/// polled ready and dropped has taken no probe's slot.
///
/// Between the two the circuit may change its mind, so `call` asks again:
///
/// * It lets the call through, but the inner service was not polled ready: the call goes to a clone of
///   it, which the returned future polls ready first. The circuit is asked again then, and if it has
///   opened meanwhile, the call is rejected and never sent.
/// * It rejects the call, but the inner service had been polled ready: what that has reserved (a place
///   under a shared concurrency limit, say) is given back at once, by putting a fresh clone in its
///   place.
///
/// That is why `S: Clone`. On the way of a call that is let through nothing is cloned.
///
/// A caller who waits for the inner service already is not woken when the circuit opens, but when the
/// inner service has something to say.
///
/// A keyed breaker learns the key in `call`. So while any of its circuits is open, `poll_ready` does
/// not wait for the inner service, and calls with healthy keys wait in their futures instead.
pub struct CircuitBreaker<S, K: RequestKey = Everything> {
    inner: S,
    /// Whether `inner` was polled ready and has not been called since.
    ready: bool,
    /// Whether `inner` was polled and not ready, so that it may stand in a queue.
    queued: bool,
    circuits: Circuits<K>,
}

impl<S, K: RequestKey> CircuitBreaker<S, K> {
    pub(crate) fn new(inner: S, circuits: Circuits<K>) -> Self {
        Self {
            inner,
            ready: false,
            queued: false,
            circuits,
        }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, for good.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, K, B, RB> Service<Request<B>> for CircuitBreaker<S, K>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    K: RequestKey,
    RB: Body,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let fail_fast = match &self.circuits {
            Circuits::One(circuit) => {
                if circuit.would_refuse() {
                    self.leave_queue();
                    return Poll::Ready(Ok(()));
                }
                false
            }
            Circuits::Many(registry) => registry.alarm(),
        };
        let polled = self.inner.poll_ready(cx);
        self.queued = polled.is_pending();
        if self.queued && fail_fast {
            self.leave_queue();
            return Poll::Ready(Ok(()));
        }
        ready!(polled).map_err(Into::into)?;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> ResponseFuture<S, B> {
        let circuit = match &self.circuits {
            Circuits::One(circuit) => circuit.lease(),
            Circuits::Many(registry) => registry.of(registry.keys.of(&mut request)),
        };
        let ready = mem::take(&mut self.ready);
        match circuit.breaker.pass() {
            Some(ticket) if ready => {
                // A guard from here on: a panic in `call` counts as cancelled.
                let permit = Permit::new(circuit, ticket);
                ResponseFuture::calling(self.inner.call(request), permit)
            }
            _ => self.call_slowly(request, circuit, ready),
        }
    }
}

impl<S: Clone, K: RequestKey> CircuitBreaker<S, K> {
    /// Gives up a place in the inner service's queue. A place that is kept unpolled would be served one
    /// day, and then be of no use to anybody.
    fn leave_queue(&mut self) {
        if mem::take(&mut self.queued) {
            readiness::give_back(&mut self.inner);
        }
    }

    /// Calls while the circuit is not closed, or with an inner service that was not polled ready
    /// because a circuit was open then.
    #[cold]
    fn call_slowly<B>(
        &mut self,
        mut request: Request<B>,
        circuit: Lease<Circuit>,
        ready: bool,
    ) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        if ready {
            return match Permit::ask(circuit, request.extensions_mut()) {
                Ok(permit) => ResponseFuture::calling(self.inner.call(request), permit),
                Err((open, circuit)) => {
                    readiness::give_back(&mut self.inner);
                    ResponseFuture::rejected(open, &circuit)
                }
            };
        }
        if !Admitted::by(&circuit).is_in(request.extensions())
            && let Err(open) = circuit.check()
        {
            return ResponseFuture::rejected(open, &circuit);
        }
        ResponseFuture::late(self.inner.clone(), request, circuit)
    }
}

/// A clone shares the circuits, and starts without the readiness of the original.
impl<S: Clone, K: RequestKey> Clone for CircuitBreaker<S, K> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.circuits.clone())
    }
}

impl<S: fmt::Debug, K: RequestKey> fmt::Debug for CircuitBreaker<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("inner", &self.inner)
            .field("circuits", &self.circuits)
            .finish_non_exhaustive()
    }
}
