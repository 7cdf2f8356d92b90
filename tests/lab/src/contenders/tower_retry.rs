use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::ServiceBuilder;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, RetryLayer};
use tower::util::rng::Rng;
use tower_steady_core::Seeds;

use super::{Stack, erase, looped};
use crate::provider::HttpClient;

pub(super) fn stack(http: HttpClient, seed: u64) -> Stack {
    // The defaults, but for the source of randomness, which is seeded.
    let longest = Duration::from_millis(u64::MAX);
    let maker =
        ExponentialBackoffMaker::new(Duration::from_millis(50), longest, 0.99, Seeded(seed));
    let policy = StatusPolicy {
        retries: 3,
        budget: Arc::default(),
        backoff: maker.expect("tower's own defaults").make_backoff(),
    };
    let layer = RetryLayer::new(policy);
    erase(ServiceBuilder::new().layer(layer).service(http))
}

/// tower clones the policy for every request, so each has its own count and shares the budget.
#[derive(Clone)]
struct StatusPolicy {
    retries: u32,
    budget: Arc<TpsBudget>,
    backoff: ExponentialBackoff<Seeded>,
}

impl
    Policy<
        Request<Full<Bytes>>,
        http::Response<crate::provider::AnswerBody>,
        crate::provider::HttpError,
    > for StatusPolicy
{
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        _: &mut Request<Full<Bytes>>,
        attempt: &mut looped::Attempt,
    ) -> Option<Self::Future> {
        let failed = looped::status(attempt)
            .is_none_or(|status| status.as_u16() == 429 || status.is_server_error());
        if !failed {
            self.budget.deposit();
            return None;
        }
        if self.retries == 0 || !self.budget.withdraw() {
            return None;
        }
        self.retries -= 1;
        Some(self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

/// tower's trait over a seeded sequence. Like tower's own generator, a clone starts where the
/// original stands.
#[derive(Clone, Debug)]
struct Seeded(u64);

impl Rng for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0 = Seeds::fixed(self.0).draw();
        self.0
    }
}
