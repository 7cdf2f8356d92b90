//! A provider with a rate limit, on tokio's clock.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::{Instant, sleep};

/// A token bucket in front of a model: `rate` tokens a second, at most `burst` of them. A call without
/// a token is refused with the time until there is one.
#[derive(Debug)]
pub(crate) struct Provider {
    rate: f64,
    burst: f64,
    /// Whether a refused call costs a token too, and so makes debts.
    charged: bool,
    latency: Duration,
    state: RefCell<State>,
}

/// A refusal comes quickly, for no model is asked.
const REFUSAL: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
    accepted: Vec<Instant>,
    refused: usize,
}

impl Provider {
    pub(crate) fn new(rate: f64, burst: f64, charged: bool, latency: Duration) -> Rc<Self> {
        let at = Instant::now();
        Rc::new(Self {
            rate,
            burst,
            charged,
            latency,
            state: RefCell::new(State {
                tokens: burst,
                at,
                accepted: Vec::new(),
                refused: 0,
            }),
        })
    }

    /// Refuses everybody until `end` from now, and takes anything after it.
    pub(crate) fn refusing_until(end: Duration) -> Rc<Self> {
        let provider = Self::new(f64::INFINITY, 1.0, false, Duration::ZERO);
        provider.state.borrow_mut().at += end;
        provider
    }

    /// When each accepted call came.
    pub(crate) fn accepted(&self) -> Vec<Instant> {
        self.state.borrow().accepted.clone()
    }

    pub(crate) fn refused(&self) -> usize {
        self.state.borrow().refused
    }

    pub(crate) async fn answer<B>(self: Rc<Self>, _: Request<B>) -> Result<Response<()>, Never> {
        sleep(REFUSAL / 2).await;
        let response = match self.judge() {
            None => {
                sleep(self.latency).await;
                Response::builder()
            }
            Some(wait) => {
                sleep(REFUSAL / 2).await;
                let millis = (wait.as_secs_f64() * 1000.0).ceil();
                Response::builder()
                    .status(429)
                    .header("retry-after-ms", format!("{millis}"))
            }
        };
        Ok(response.body(()).unwrap())
    }

    fn judge(&self) -> Option<Duration> {
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        if let Some(wait) = state
            .at
            .checked_duration_since(now)
            .filter(|wait| !wait.is_zero())
        {
            state.refused += 1;
            return Some(wait);
        }
        let elapsed = now.duration_since(state.at).as_secs_f64();
        if self.rate.is_infinite() {
            state.accepted.push(now);
            return None;
        }
        state.tokens = (state.tokens + elapsed * self.rate).min(self.burst);
        state.at = now;
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            state.accepted.push(now);
            return None;
        }
        state.refused += 1;
        if self.charged {
            state.tokens -= 1.0;
        }
        Some(Duration::from_secs_f64((1.0 - state.tokens) / self.rate))
    }
}

/// The error of a provider that always answers.
#[derive(Debug)]
pub(crate) enum Never {}

impl std::fmt::Display for Never {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

/// The largest number of moments within any window of this length.
pub(crate) fn peak(moments: &[Instant], window: Duration) -> usize {
    let mut first = 0;
    let mut peak = 0;
    for (last, moment) in moments.iter().enumerate() {
        while *moment - moments[first] >= window {
            first += 1;
        }
        peak = peak.max(last - first + 1);
    }
    peak
}
