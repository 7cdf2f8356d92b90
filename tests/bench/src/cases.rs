//! Every row of the table and who is measured in it.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::bare::Bare;
use crate::drive::{self, Factory};
use crate::peers;
use crate::request;

/// One contender in one row.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is measured.
    pub row: &'static str,
    /// Whose.
    pub contender: &'static str,
    /// What it is compared with: its cost is subtracted.
    pub base: fn() -> Factory,
    /// The contender itself.
    pub make: fn() -> Factory,
}

/// A name, and how to make what is measured.
pub type Contender = (&'static str, fn() -> Factory);

/// The name under which our own layers run.
pub const OURS: &str = "tower-steady";

/// The empty baseline, for what is not a call.
#[must_use]
pub fn nothing() -> Factory {
    drive::steps(|| {})
}

/// The bare service with the realistic request.
#[must_use]
pub fn bare() -> Factory {
    drive::service(Bare, request::mix)
}

/// All cases, row by row, ours first.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut row = |row, base, contenders: &[Contender]| {
        cases.extend(contenders.iter().map(|&(contender, make)| Case {
            row,
            contender,
            base,
            make,
        }));
    };
    row(
        "retry + budget",
        bare,
        &[
            ("tower retry + TpsBudget", || over(peers::tower_retry())),
            ("tower-resilience retry + token bucket", || {
                over(peers::resilience_retry())
            }),
            ("backon", peers::backon),
        ],
    );
    row(
        "closed breaker, no window",
        bare,
        &[
            ("tower-resilience", || over(peers::resilience_breaker())),
            ("failsafe consecutive", || {
                peers::failsafe(peers::failsafe_consecutive())
            }),
        ],
    );
    row(
        "closed breaker, window and slow calls",
        bare,
        &[("failsafe window", || {
            peers::failsafe(peers::failsafe_window())
        })],
    );
    row(
        "all five layers and pause",
        bare,
        &[("tower retry + tower-resilience breaker", || {
            over(
                tower::ServiceBuilder::new()
                    .layer(peers::tower_retry())
                    .layer(peers::resilience_breaker()),
            )
        })],
    );
    row(
        "budget deposit",
        nothing,
        &[("tower TpsBudget", peers::tps_deposit)],
    );
    row(
        "classify a 310-byte error body",
        nothing,
        &[("serde_json::Value", peers::json_value)],
    );
    cases
}

/// A layer over the bare service, with the realistic request.
pub fn over<L>(layer: L) -> Factory
where
    L: tower::Layer<Bare>,
    L::Service: tower::Service<Request<Full<Bytes>>> + Clone + Send + 'static,
    <L::Service as tower::Service<Request<Full<Bytes>>>>::Error: std::fmt::Debug,
{
    drive::service(layer.layer(Bare), request::mix)
}
