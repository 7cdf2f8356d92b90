//! Parts that are measured by themselves.

use std::hint::black_box;

use http::{HeaderMap, StatusCode};
use tower_steady::classify::classify_response;
use tower_steady::retry_budget::RetryBudgetLayer;

use crate::drive::{self, Factory};

/// What OpenAI answers to a key without credit: 310 bytes.
pub const ERROR_BODY: &[u8] = br#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors. Contact us when in doubt.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;

/// A deposit into the budget.
#[must_use]
pub fn deposit() -> Factory {
    let handle = RetryBudgetLayer::new().handle();
    drive::steps(move || handle.deposit())
}

/// A withdrawal from a budget that always has enough, and the deposit that pays for it.
#[must_use]
pub fn withdraw() -> Factory {
    let layer = RetryBudgetLayer::builder()
        .deposit(1.0)
        .build()
        .expect("a valid budget");
    let handle = layer.handle();
    drive::steps(move || {
        handle.deposit();
        black_box(handle.withdraw());
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
