//! What people use today, each with its documented settings, and the real layers of this project.
//!
//! Every contender stands on the same HTTP client. What a contender does not bring, it does not get.

mod looped;
mod naive;
mod stainless;
mod steady;
mod tenacity;
mod tower_resilience;
mod tower_retry;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneService;
use tower::{Service, ServiceExt};
use tower_steady_core::BoxError;

use crate::provider::HttpClient;

/// An answer as the population sees it, whatever body the contender makes of it.
pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A contender's stack over the HTTP client. Clones share what the contender shares.
pub type Stack = BoxCloneService<Request<Full<Bytes>>, Answer, BoxError>;

/// A way to make calls that survive.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// The name in tables.
    pub name: &'static str,
    /// Its settings, and where they come from.
    pub settings: &'static str,
    /// Whether it is this project's.
    pub ours: bool,
    build: fn(HttpClient, u64) -> Stack,
}

impl Contender {
    /// A stack of its own for one process, seeded.
    #[must_use]
    pub fn stack(&self, http: HttpClient, seed: u64) -> Stack {
        (self.build)(http, seed)
    }
}

/// All contenders, in the order of the tables.
pub const ALL: [Contender; 8] = [
    Contender {
        name: "no retries",
        settings: "the HTTP client alone",
        ours: false,
        build: |http, _| erase(http),
    },
    Contender {
        name: "naive loop",
        settings: "5 tries, 1 s apart, on anything that is not a 2xx",
        ours: false,
        build: naive::stack,
    },
    Contender {
        name: "tenacity",
        settings: "stop_after_attempt(4), wait_exponential_jitter(initial=1, max=30, jitter=2), \
                   tenacity's default condition: any exception, which an SDK raises for any status \
                   from 400",
        ours: false,
        build: tenacity::stack,
    },
    Contender {
        name: "vendor SDKs",
        settings: "the retry loop that Stainless generates, with the numbers of Anthropic's and Groq's \
                   SDKs (OpenAI's differs in hints above a minute): 2 retries on 408, 409, 429, 5xx \
                   and connection errors; 0.5 s to 8 s × U(0.75, 1); a hint up to 60 s is slept \
                   exactly; x-should-retry overrules",
        ours: false,
        build: stainless::stack,
    },
    Contender {
        name: "tower::retry",
        settings: "tower 0.5.3: ExponentialBackoffMaker and TpsBudget with their defaults (from 50 ms, \
                   jitter 0.99; 10 s, 10 a second, 20 %); a policy of ours, as tower ships none: 3 \
                   retries on 429, 5xx and errors",
        ours: false,
        build: tower_retry::stack,
    },
    Contender {
        name: "tower-resilience",
        settings: "0.14: RetryLayer::exponential_backoff() (3 attempts, 100 ms doubling) on 429, 5xx \
                   and errors but an open circuit, over CircuitBreakerLayer::standard() (half of 100 \
                   calls, open 30 s, 3 probes) on 5xx and errors. Its breaker reads the system's \
                   clock, so the lab measures the 30 s open time for it on the virtual one",
        ours: false,
        build: tower_resilience::stack,
    },
    Contender {
        name: "steady interactive",
        settings: "Steady::interactive() of this project, unchanged",
        ours: true,
        build: steady::interactive,
    },
    Contender {
        name: "steady background",
        settings: "Steady::background() of this project, unchanged",
        ours: true,
        build: steady::background,
    },
];

/// The contender of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

/// Gives a service the types that the population knows.
fn erase<S, B>(service: S) -> Stack
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service
        .map_response(|answer| answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        .map_err(Into::into);
    BoxCloneService::new(service)
}
