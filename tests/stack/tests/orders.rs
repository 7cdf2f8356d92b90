//! Each layer alone, each pair, every selection, and wrong orders: nothing panics, no layer calls an
//! unready service, and what a stack does follows from which layers stand inside the retry loop.

use std::time::Duration;

use http_body_util::BodyExt;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use stack::{APOLOGY, Part, Parts, chat};
use tokio::time::{Instant, timeout};
use tower::{Service, ServiceExt};
use tower_steady_circuit_breaker::CircuitBreakerLayer;
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Provider, Sse};

/// A stack of some layers, in some order.
#[derive(Clone, Copy)]
struct Order<'a>(&'a [Part]);

impl Order<'_> {
    fn has(self, part: Part) -> bool {
        self.0.contains(&part)
    }

    /// Whether the retry loop hears what this layer has to say.
    fn tells_retry(self, part: Part) -> bool {
        let place = |part| self.0.iter().position(|other| *other == part);
        matches!((place(Part::Retry), place(part)), (Some(retry), Some(part)) if retry < part)
    }
}

/// What a script must come to in a stack.
struct Expected {
    sends: usize,
    /// `None`: an error.
    status: Option<u16>,
    at_least: Duration,
    /// Whether the answer is a fallback's.
    degraded: bool,
}

struct Scenario {
    name: &'static str,
    parts: fn() -> Parts,
    answers: fn() -> Vec<Answer>,
    expected: fn(Order<'_>) -> Expected,
}

fn expected(sends: usize, status: impl Into<Option<u16>>) -> Expected {
    Expected {
        sends,
        status: status.into(),
        at_least: Duration::ZERO,
        degraded: false,
    }
}

impl Scenario {
    /// What comes of it in this order. A fallback goes by what comes out of the layers inside of it;
    /// where it answers, those outside hear of no failure, and where it does not, it is as if it were
    /// not there.
    fn expected(&self, order: &[Part]) -> Expected {
        let Some(at) = order.iter().position(|part| *part == Part::Fallback) else {
            return (self.expected)(Order(order));
        };
        let inner = &order[at + 1..];
        let inside = self.expected(inner);
        if inside.degraded || self.falls_back(&inside, Order(inner)) {
            return Expected {
                status: Some(200),
                degraded: true,
                ..inside
            };
        }
        let without = [&order[..at], inner].concat();
        self.expected(&without)
    }

    fn falls_back(&self, inside: &Expected, inner: Order<'_>) -> bool {
        match inside.status {
            // With an error in it, of which classify alone can tell.
            Some(200) => self.name == EARLY && inside.sends == 1 && inner.has(Part::Classify),
            Some(status) => status >= 429,
            None => true,
        }
    }
}

const EARLY: &str = "a stream that fails before its output";

const SCENARIOS: [Scenario; 11] = [
    Scenario {
        name: "success",
        parts: Parts::default,
        answers: || vec![Answer::ok_chat("Hello")],
        expected: |_| expected(1, 200),
    },
    Scenario {
        name: "a stream",
        parts: Parts::default,
        answers: || vec![Sse::openai().text("Hello").done().into()],
        expected: |_| expected(1, 200),
    },
    Scenario {
        name: "invalid",
        parts: Parts::default,
        answers: || vec![Answer::invalid_request(), Answer::ok_chat("too late")],
        expected: |_| expected(1, 400),
    },
    Scenario {
        name: "one failure",
        parts: Parts::default,
        answers: || vec![Answer::unavailable(), Answer::ok_chat("Hello")],
        expected: |order| match order.has(Part::Retry) {
            true => expected(2, 200),
            false => expected(1, 503),
        },
    },
    Scenario {
        name: "an outage",
        parts: Parts::default,
        answers: || vec![Answer::unavailable()],
        expected: |order| match order.has(Part::Retry) {
            true => expected(3, 503),
            false => expected(1, 503),
        },
    },
    Scenario {
        name: "a rate limit with a wait",
        parts: Parts::default,
        answers: || {
            vec![
                Answer::rate_limited().retry_after(20),
                Answer::ok_chat("Hello"),
            ]
        },
        expected: |order| {
            // Without the hint the schedule of a rate limit has passed long before. A pause holds the
            // retry for as long, if it hears of the hint itself.
            let told = order.tells_retry(Part::RetryAfter);
            Expected {
                at_least: Duration::from_secs(if told { 20 } else { 0 }),
                ..match order.has(Part::Retry) {
                    true => expected(2, 200),
                    false => expected(1, 429),
                }
            }
        },
    },
    Scenario {
        name: "an exhausted quota",
        parts: Parts::default,
        answers: || vec![Answer::insufficient_quota(), Answer::ok_chat("Hello")],
        expected: |order| match (order.has(Part::Retry), order.tells_retry(Part::Classify)) {
            (true, false) => expected(2, 200),
            _ => expected(1, 429),
        },
    },
    Scenario {
        name: "a reset connection",
        parts: Parts::default,
        answers: || vec![Answer::reset(), Answer::ok_chat("Hello")],
        expected: |order| match order.has(Part::Retry) {
            true => expected(2, 200),
            false => expected(1, None),
        },
    },
    Scenario {
        name: "an outage without a budget",
        parts: || {
            let budget = RetryBudgetLayer::builder()
                .capacity(0.0)
                .reserve_per_second(0.0);
            Parts {
                budget: budget.build().unwrap(),
                ..Parts::default()
            }
        },
        answers: || vec![Answer::server_error()],
        expected: |order| match (order.has(Part::Retry), order.tells_retry(Part::Budget)) {
            (true, false) => expected(3, 500),
            _ => expected(1, 500),
        },
    },
    Scenario {
        name: "an outage that opens the circuit",
        parts: || {
            let breaker = CircuitBreakerLayer::builder().consecutive_failures(1);
            Parts {
                breaker: breaker.build().unwrap(),
                ..Parts::default()
            }
        },
        answers: || vec![Answer::server_error()],
        // Where the failed answer was read to its end it is kept, else the rejection comes back.
        expected: |order| {
            let opens = order.tells_retry(Part::Breaker);
            match (
                order.has(Part::Retry),
                opens,
                order.tells_retry(Part::Classify),
            ) {
                (true, false, _) => expected(3, 500),
                (true, true, false) => expected(1, None),
                _ => expected(1, 500),
            }
        },
    },
    Scenario {
        name: EARLY,
        parts: Parts::default,
        answers: || {
            vec![
                Sse::anthropic().overloaded().into(),
                Sse::anthropic().text("Hi").done().into(),
            ]
        },
        expected: |order| match (order.has(Part::Retry), order.tells_retry(Part::Classify)) {
            (true, true) => expected(2, 200),
            _ => expected(1, 200),
        },
    },
];

async fn play_all(order: &[Part]) {
    for scenario in &SCENARIOS {
        let answers = (scenario.answers)();
        let expected = scenario.expected(order);
        let name = format!("{} through {order:?}", scenario.name);
        let provider = Provider::new(answers.clone());
        let mut stack = (scenario.parts)().stack(order, provider.service());

        let start = Instant::now();
        let call = async {
            let response = stack.ready().await?.call(chat("http://provider")).await?;
            let (head, body) = response.into_parts();
            Ok::<_, tower_steady_core::BoxError>((head, body.collect().await?.to_bytes()))
        };
        let result = timeout(Duration::from_secs(3600), call).await;
        let result = result.unwrap_or_else(|_| panic!("{name}: never ends"));
        let took = start.elapsed();

        assert_eq!(
            provider.received(),
            expected.sends,
            "{name}: sends, {result:?}"
        );
        assert_eq!(
            provider.unready_calls(),
            0,
            "{name}: called a service that was not ready"
        );
        assert_eq!(provider.open(), 0, "{name}: left something open");
        assert!(took >= expected.at_least, "{name}: back after {took:?}");
        match (expected.status, result) {
            (Some(status), Ok((got, body))) => {
                assert_eq!(got.status.as_u16(), status, "{name}");
                let last = &answers[(expected.sends - 1).min(answers.len() - 1)];
                let own = match expected.degraded {
                    true => APOLOGY.into(),
                    false => last.bytes(),
                };
                assert_eq!(body, own, "{name}: body");
                let marked = got.headers.contains_key("x-degraded");
                assert_eq!(marked, expected.degraded, "{name}: mark");
            }
            (None, Err(_)) => {}
            (_, result) => panic!("{name}: {result:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_layer_alone() {
    play_all(&[]).await;
    for part in Part::ALL {
        play_all(&[part]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_pair_in_both_orders() {
    for outer in Part::ALL {
        for inner in Part::ALL {
            if outer != inner {
                play_all(&[outer, inner]).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_selection_in_the_canonical_order() {
    for selection in 0..1_usize << Part::ALL.len() {
        let parts = Part::ALL.into_iter().enumerate();
        let order: Vec<_> = parts
            .filter(|(index, _)| selection & (1 << index) != 0)
            .map(|(_, part)| part)
            .collect();
        play_all(&order).await;
    }
}

/// All layers, in every order that is one step or one turn away, and in some others.
async fn play_wrong_orders(canonical: &[Part]) {
    for at in 1..canonical.len() {
        let mut swapped = canonical.to_vec();
        swapped.swap(at - 1, at);
        play_all(&swapped).await;

        let mut rotated = canonical.to_vec();
        rotated.rotate_left(at);
        play_all(&rotated).await;
    }
    let mut order = canonical.to_vec();
    order.reverse();
    play_all(&order).await;
    let mut random = SmallRng::seed_from_u64(1);
    for _ in 0..300 {
        order.shuffle(&mut random);
        play_all(&order).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_layers_in_wrong_orders() {
    play_wrong_orders(&Part::CANONICAL).await;
}

#[tokio::test(start_paused = true)]
async fn all_layers_and_a_fallback_in_wrong_orders() {
    play_wrong_orders(&Part::ALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_twice_does_no_harm() {
    for part in Part::ALL {
        let order: Vec<_> = Part::ALL
            .into_iter()
            // Outermost, a fallback would hide what became of the others.
            .filter(|other| *other != Part::Fallback || part == Part::Fallback)
            .flat_map(|other| vec![other; if other == part { 2 } else { 1 }])
            .collect();
        // Two budgets that are one charge twice, within their size here.
        play_all(&order).await;
    }
}
