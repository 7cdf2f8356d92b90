//! How the cost grows with the number of keys, from 1 to 100,000: calls go through all of them in turn.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body_util::Full;
use tower::Layer;
use tower_steady::circuit_breaker::{CircuitBreakerBuilder, CircuitBreakerLayer};
use tower_steady::fallback::{FallbackLayer, LastGood};
use tower_steady::key::{ByHost, RequestKey};
use tower_steady::retry_after::PauseLayer;

use crate::bare::{Bare, Read};
use crate::cases::{Contender, over};
use crate::drive::{self, Factory};
use crate::request;

/// Breakers and pauses.
pub const KEYED: &[Contender] = &[
    ("closed breaker, by host", || {
        over(breaker(CircuitBreakerLayer::builder().key(ByHost)))
    }),
    ("closed breaker, 1 key", || breakers::<1>()),
    ("closed breaker, 10 keys", || breakers::<10>()),
    ("closed breaker, 1,000 keys", || breakers::<1_000>()),
    ("closed breaker, 100,000 keys", || breakers::<100_000>()),
    ("pause, 1 key", || pauses::<1>()),
    ("pause, 10 keys", || pauses::<10>()),
    ("pause, 1,000 keys", || pauses::<1_000>()),
    ("pause, 100,000 keys", || pauses::<100_000>()),
    ("pause, 1 other key is paused", || others_paused::<1>()),
    ("pause, 10 other keys are paused", || others_paused::<10>()),
    ("pause, 1,000 other keys are paused", || {
        others_paused::<1_000>()
    }),
    ("pause, 100,000 other keys are paused", || {
        others_paused::<100_000>()
    }),
];

/// Fallbacks that keep answers, each of which is read to its end.
pub const KEPT: &[Contender] = &[
    ("fallback, keeping 1 answer", || kept::<1>()),
    ("fallback, keeping 10 answers", || kept::<10>()),
    ("fallback, keeping 1,000 answers", || kept::<1_000>()),
    ("fallback, keeping 100,000 answers", || kept::<100_000>()),
];

/// The bare service, whose answers are read to their end.
#[must_use]
pub fn read() -> Factory {
    drive::service(Read(Bare), request::mix)
}

fn breakers<const KEYS: u32>() -> Factory {
    let layer = CircuitBreakerLayer::builder().key(by_turn::<KEYS>);
    warm::<KEYS>(over(breaker(layer.max_keys(KEYS as usize))))
}

fn breaker<K: RequestKey>(builder: CircuitBreakerBuilder<K>) -> CircuitBreakerLayer<K> {
    builder.build().expect("a valid breaker")
}

fn pauses<const KEYS: u32>() -> Factory {
    let layer = PauseLayer::builder().key(by_turn::<KEYS>).build();
    over(layer.expect("a valid pause"))
}

/// Then each call asks whether its own key is paused.
fn others_paused<const KEYS: u32>() -> Factory {
    let layer = PauseLayer::builder()
        .key(|_: &Parts| 0)
        .max_keys(KEYS as usize)
        .build()
        .expect("a valid pause");
    for other in 1..=KEYS {
        assert!(layer.handle().pause(&other, Duration::from_secs(3_600)));
    }
    over(layer)
}

fn kept<const KEYS: u32>() -> Factory {
    let answers = LastGood::builder().max_answers(KEYS as usize);
    let source = answers
        .build(|_: &Request<Full<Bytes>>| Some(turn::<KEYS>()))
        .expect("a valid source");
    let service = FallbackLayer::new(source).layer(Bare);
    warm::<KEYS>(drive::service(Read(service), request::mix))
}

fn by_turn<const KEYS: u32>(_: &Parts) -> u32 {
    turn::<KEYS>()
}

/// The thread's next key.
fn turn<const KEYS: u32>() -> u32 {
    thread_local! {
        static NEXT: Cell<u32> = const { Cell::new(0) };
    }
    let key = NEXT.get() % KEYS;
    NEXT.set(key + 1);
    key
}

/// A thread's first call with a key makes what the later ones find.
fn warm<const KEYS: u32>(factory: Factory) -> Factory {
    Box::new(move || {
        let mut runner = factory();
        runner(KEYS as usize);
        runner
    })
}
