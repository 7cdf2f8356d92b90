//! Every row of the table and who is measured in it.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_steady::classify::ClassifyLayer;
use tower_steady::retry_after::{PauseLayer, RetryAfterLayer};

use crate::bare::{Bare, Flaky, Waiting};
use crate::drive::{self, Factory};
use crate::request;
use crate::{keys, loopback, ours, parts, peers};

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
    /// What a call of it is.
    pub kind: Kind,
}

/// What is measured, and so what can be counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call that the thread makes by itself: allocations and instructions repeat, threads are compared.
    Call,
    /// A request to a server in another thread: only its time means something.
    Loopback,
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

fn bare_with_extensions() -> Factory {
    drive::service(Bare, request::mix_with_extensions)
}

/// The cases of a real client.
#[must_use]
pub fn loopback() -> Vec<Case> {
    let case = |row, base, contender, make| Case {
        row,
        contender,
        base,
        make,
        kind: Kind::Loopback,
    };
    let alone = "hyper client alone, 64 in flight, a request";
    let mut cases = vec![case(alone, nothing, "hyper-util", loopback::alone)];
    cases.extend(loopback::LAYERED.iter().map(|&(contender, make)| {
        let row = "all layers over it";
        case(row, loopback::alone, contender, make)
    }));
    cases
}

/// The cases that are driven by hand, row by row, ours first.
#[must_use]
pub fn calls() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut row = |row, base, contenders: &[Contender]| {
        cases.extend(contenders.iter().map(|&(contender, make)| Case {
            row,
            contender,
            base,
            make,
            kind: Kind::Call,
        }));
    };
    row(
        "retry + budget",
        bare,
        &[
            (OURS, || over(ours::retry_and_budget())),
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
            (OURS, || over(ours::breaker())),
            ("tower-resilience", || over(peers::resilience_breaker())),
            ("failsafe consecutive", || {
                peers::failsafe(peers::failsafe_consecutive())
            }),
        ],
    );
    row(
        "closed breaker, window and slow calls",
        bare,
        &[
            (OURS, || over(ours::breaker_with_window())),
            ("failsafe window", || {
                peers::failsafe(peers::failsafe_window())
            }),
        ],
    );
    row(
        "closed breaker, window and slow calls, after a wait",
        || drive::service(Waiting, request::mix),
        &[(OURS, || {
            let layer = ours::breaker_with_window();
            drive::service(tower::Layer::layer(&layer, Waiting), request::mix)
        })],
    );
    row(
        "classify, whole 2xx",
        bare,
        &[(OURS, || over(ClassifyLayer::new()))],
    );
    row(
        "pause, not paused",
        bare,
        &[(OURS, || over(PauseLayer::new()))],
    );
    row(
        "retry-after, no refusal",
        bare,
        &[(OURS, || over(RetryAfterLayer::new()))],
    );
    row(
        "all five layers and pause",
        bare,
        &[
            (OURS, || over(ours::all())),
            ("tower retry + tower-resilience breaker", || {
                over(peers::retry_and_breaker())
            }),
        ],
    );
    row(
        "the same with deadline and timers",
        bare,
        &[(OURS, || over(ours::all_with_timers()))],
    );
    row(
        "the same with three extensions",
        bare_with_extensions,
        &[(OURS, || {
            drive::service(
                tower::Layer::layer(&ours::all(), Bare),
                request::mix_with_extensions,
            )
        })],
    );
    row(
        "budget deposit",
        nothing,
        &[
            (OURS, parts::deposit),
            ("tower TpsBudget", peers::tps_deposit),
        ],
    );
    row("budget withdraw", nothing, &[(OURS, parts::withdraw)]);
    row(
        "budget withdraw, reads the clock",
        nothing,
        &[(OURS, parts::withdraw_by_handle)],
    );
    row(
        "classify a whole 2xx, by hand",
        nothing,
        &[(OURS, parts::look)],
    );
    row(
        "classify a 310-byte error body",
        nothing,
        &[
            (OURS, parts::peek),
            ("serde_json::Value", peers::json_value),
        ],
    );
    row(
        "a call with one retry after no delay, wall",
        nothing,
        &[
            (OURS, || flaky(ours::retry_at_once())),
            ("tower retry, sleep of zero", || {
                flaky(peers::tower_retry_at_once())
            }),
            ("tower-resilience retry", || {
                flaky(peers::resilience_retry_at_once())
            }),
        ],
    );
    for (name, make) in parts::YARDSTICKS {
        row(name, nothing, &[("std", *make)]);
    }
    for (name, make) in keys::KEYED {
        row(name, bare, &[(OURS, *make)]);
    }
    for (name, make) in keys::KEPT {
        row(name, keys::read, &[(OURS, *make)]);
    }
    for (name, make) in ours::BY_NUMBER_OF_LAYERS {
        row(name, bare, &[(OURS, *make)]);
    }
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

/// A layer over a service that fails every second time, on a runtime.
fn flaky<L>(layer: L) -> Factory
where
    L: tower::Layer<Flaky>,
    L::Service: tower::Service<Request<Full<Bytes>>> + Clone + Send + 'static,
    <L::Service as tower::Service<Request<Full<Bytes>>>>::Error: std::fmt::Debug,
{
    drive::on_runtime(layer.layer(Flaky::default()), request::mix)
}
