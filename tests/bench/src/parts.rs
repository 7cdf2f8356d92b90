//! Parts that are measured by themselves.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower::{Layer, ServiceExt};
use tower_steady::classify::classify_response;
use tower_steady::retry_budget::RetryBudgetLayer;
use tower_steady::{Class, Failure, Gate, Outcome};

use crate::cases::Contender;
use crate::drive::{self, Factory};

/// What OpenAI answers to a key without credit: 310 bytes.
pub const ERROR_BODY: &[u8] = br#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors. Contact us when in doubt.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;

/// A deposit into the budget.
#[must_use]
pub fn deposit() -> Factory {
    let handle = RetryBudgetLayer::new().handle();
    drive::steps(move || handle.deposit())
}

/// A withdrawal from a budget that always has enough, and the deposit that pays for it: at the gate,
/// and at a time that who asks has read off the clock, as the retry layer does.
#[must_use]
pub fn withdraw() -> Factory {
    let layer = ample();
    let (handle, gate) = (layer.handle(), gate(layer));
    let now = Instant::now();
    drive::steps(move || {
        handle.deposit();
        let _ = black_box(gate.take(now));
    })
}

/// The same by hand, as a `tower::retry::budget::Budget`: it looks at the clock itself, for the reserve.
#[must_use]
pub fn withdraw_by_handle() -> Factory {
    let handle = ample().handle();
    drive::steps(move || {
        handle.deposit();
        black_box(handle.withdraw());
    })
}

fn ample() -> RetryBudgetLayer {
    RetryBudgetLayer::builder()
        .deposit(1.0)
        .build()
        .expect("a valid budget")
}

/// What the budget leaves on a failure.
fn gate(layer: RetryBudgetLayer) -> Arc<dyn Gate> {
    let service = layer.layer(tower::service_fn(async |_: Request<()>| {
        let outcome = Outcome::new(Class::Overloaded);
        Err::<Response<()>, _>(Failure::new(outcome, "overloaded"))
    }));
    let mut answer = service
        .oneshot(Request::default())
        .now_or_never()
        .expect("no wait");
    let mut gate = None;
    Outcome::amend(&mut answer, |outcome| gate = outcome.take_gate());
    gate.expect("a gate on what may be retried")
}

/// What some rows cannot do without: no layer that counts its circuit, or reads the clock, costs less.
pub const YARDSTICKS: &[Contender] = &[
    ("yardstick: an Arc, cloned and dropped", || {
        let shared = Arc::new(());
        drive::steps(move || drop(black_box(Arc::clone(&shared))))
    }),
    ("yardstick: the clock, read twice", || {
        drive::steps(|| {
            black_box(Instant::now());
            black_box(Instant::now());
        })
    }),
];

/// The class of a success that is not JSON.
#[must_use]
pub fn look() -> Factory {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/mpeg"));
    drive::steps(move || {
        let headers = black_box(&headers);
        black_box(classify_response(StatusCode::OK, headers, &[], None));
    })
}

/// The class of an error body.
#[must_use]
pub fn peek() -> Factory {
    let headers = HeaderMap::new();
    drive::steps(move || {
        let status = StatusCode::TOO_MANY_REQUESTS;
        black_box(classify_response(status, &headers, ERROR_BODY, None));
    })
}
