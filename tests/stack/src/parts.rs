use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use tower_layer::Layer;
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::BoxError;
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_fallback::{FallbackLayer, Fixed};
use tower_steady_replay_body::ReplayLayer;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_retry_budget::RetryBudgetLayer;

use crate::RequestBody;

/// Any response body of bytes.
pub type ResponseBody = BoxBody<Bytes, BoxError>;

/// A stack, or a client, of which only the outside is known.
pub type BoxService = BoxCloneSyncService<Request<RequestBody>, Response<ResponseBody>, BoxError>;

/// A layer, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the layers")]
pub enum Part {
    Replay,
    Deadline,
    Fallback,
    Retry,
    Budget,
    Pause,
    Breaker,
    Timeouts,
    RetryAfter,
    Classify,
}

impl Part {
    /// All layers in the canonical order, outermost first.
    pub const ALL: [Self; 10] = [
        Self::Replay,
        Self::Deadline,
        Self::Fallback,
        Self::Retry,
        Self::Budget,
        Self::Pause,
        Self::Breaker,
        Self::Timeouts,
        Self::RetryAfter,
        Self::Classify,
    ];

    /// The same without the fallback, as the presets have them.
    pub const CANONICAL: [Self; 9] = [
        Self::Replay,
        Self::Deadline,
        Self::Retry,
        Self::Budget,
        Self::Pause,
        Self::Breaker,
        Self::Timeouts,
        Self::RetryAfter,
        Self::Classify,
    ];
}

/// A value of every layer: stacks made from one `Parts` share their budgets, circuits and so on.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the layers")]
pub struct Parts {
    pub replay: ReplayLayer,
    pub deadline: DeadlineLayer,
    pub fallback: FallbackLayer<Fixed>,
    pub retry: RetryLayer,
    pub budget: RetryBudgetLayer,
    pub pause: PauseLayer,
    pub breaker: CircuitBreakerLayer,
    pub timeouts: AttemptTimeoutLayer,
    pub retry_after: RetryAfterLayer,
    pub classify: ClassifyLayer,
}

/// What the fallback of a [`Parts`] answers by default.
pub const APOLOGY: &str = "Ask me again in a minute.";

impl Default for Parts {
    fn default() -> Self {
        Self {
            replay: ReplayLayer::default(),
            deadline: DeadlineLayer::default(),
            fallback: FallbackLayer::new(Fixed::new(Response::new(APOLOGY.into()))),
            retry: RetryLayer::default(),
            budget: RetryBudgetLayer::default(),
            pause: PauseLayer::default(),
            breaker: CircuitBreakerLayer::default(),
            timeouts: AttemptTimeoutLayer::default(),
            retry_after: RetryAfterLayer::default(),
            classify: ClassifyLayer::default(),
        }
    }
}

impl Parts {
    /// The layers in the canonical order, around `client`.
    pub fn canonical<S, RB>(&self, client: S) -> BoxService
    where
        S: Service<Request<RequestBody>, Response = Response<RB>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        RB: Body<Data = Bytes> + Send + Sync + 'static,
        RB::Error: Into<BoxError>,
    {
        self.stack(&Part::CANONICAL, client)
    }

    /// The canonical order without some.
    #[must_use]
    pub fn all_but(left_out: &[Part]) -> Vec<Part> {
        let parts = Part::CANONICAL.into_iter();
        parts.filter(|part| !left_out.contains(part)).collect()
    }

    /// The layers in this order, outermost first, around `client`.
    pub fn stack<S, RB>(&self, order: &[Part], client: S) -> BoxService
    where
        S: Service<Request<RequestBody>, Response = Response<RB>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        RB: Body<Data = Bytes> + Send + Sync + 'static,
        RB::Error: Into<BoxError>,
    {
        let inner = order.iter().rev();
        inner.fold(boxed(client), |inner, part| self.wrap(*part, inner))
    }

    fn wrap(&self, part: Part, inner: BoxService) -> BoxService {
        match part {
            Part::Replay => {
                let inner = inner.map_request(|request: Request<_>| request.map(RequestBody::new));
                boxed(self.replay.layer(inner))
            }
            Part::Deadline => boxed(self.deadline.layer(inner)),
            Part::Fallback => boxed(self.fallback.layer(inner)),
            Part::Retry => boxed(self.retry.layer(inner)),
            Part::Budget => boxed(self.budget.layer(inner)),
            Part::Pause => boxed(self.pause.layer(inner)),
            Part::Breaker => boxed(self.breaker.layer(inner)),
            Part::Timeouts => boxed(self.timeouts.layer(inner)),
            Part::RetryAfter => boxed(self.retry_after.layer(inner)),
            Part::Classify => boxed(self.classify.layer(inner)),
        }
    }
}

fn boxed<S, RB>(service: S) -> BoxService
where
    S: Service<Request<RequestBody>, Response = Response<RB>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    RB: Body<Data = Bytes> + Send + Sync + 'static,
    RB::Error: Into<BoxError>,
{
    let service = service
        .map_response(|response: Response<RB>| {
            response.map(|body| BoxBody::new(body.map_err(Into::into)))
        })
        .map_err(Into::into);
    BoxCloneSyncService::new(service)
}
