//! Parts that are measured by themselves.

use std::cell::Cell;
use std::hint::black_box;

use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::classify::classify_response;
use tower_steady::key::ByHost;
use tower_steady::retry_budget::RetryBudgetLayer;

use crate::cases::{Contender, over};
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

/// Keyed breakers, by the number of keys that calls go through in turn.
pub const KEYED: &[Contender] = &[
    ("closed breaker, by host", || {
        over(layer(CircuitBreakerLayer::builder().key(ByHost)))
    }),
    ("closed breaker, 1 key", || keyed::<1>()),
    ("closed breaker, 10 keys", || keyed::<10>()),
    ("closed breaker, 1,000 keys", || keyed::<1_000>()),
    ("closed breaker, 100,000 keys", || keyed::<100_000>()),
];

fn keyed<const KEYS: u32>() -> Factory {
    thread_local! {
        static NEXT: Cell<u32> = const { Cell::new(0) };
    }
    let in_turn = |_: &Parts| {
        NEXT.with(|next| {
            let key = next.get();
            next.set((key + 1) % KEYS);
            key
        })
    };
    let layer = layer(
        CircuitBreakerLayer::builder()
            .key(in_turn)
            .max_keys(KEYS as usize),
    );
    // A key's first call makes its circuit, which is not what is measured.
    for key in 0..KEYS {
        let _ = layer.handle_of(&key);
    }
    over(layer)
}

fn layer<K: tower_steady::key::RequestKey>(
    builder: tower_steady::circuit_breaker::CircuitBreakerBuilder<K>,
) -> CircuitBreakerLayer<K> {
    builder.build().expect("a valid breaker")
}
