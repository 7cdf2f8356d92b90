//! What is counted, and what is made of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::CallId;

/// Counts calls as the population makes them and sends as the provider sees them.
#[derive(Clone, Debug)]
pub struct Recorder {
    began: Instant,
    tally: Arc<Mutex<Tally>>,
}

/// Everything that happened in one simulation.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Every call, in the order of their beginning.
    pub calls: Vec<Call>,
    /// When something was sent, and for which call.
    pub sends: Vec<(Duration, Option<usize>)>,
    /// Requests that wait for the head of their answer.
    pub in_flight: u32,
    /// The most there ever were.
    pub most_in_flight: u32,
}

/// One request in flight; it is over when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Recorder);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

/// One call of the population, however often it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// When it was made.
    pub begun: Duration,
    /// When its caller knew how it ended.
    pub ended: Option<Duration>,
    /// Whether that was a good and complete answer.
    pub good: bool,
    /// How often it was sent.
    pub sends: u32,
    /// The input tokens of one send.
    pub tokens: u32,
    /// The group of its prompt.
    pub group: u8,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            tally: Arc::default(),
        }
    }

    pub(crate) fn begin(&self, group: u8, tokens: u32) -> CallId {
        let begun = self.began.elapsed();
        let calls = &mut self.lock().calls;
        calls.push(Call {
            begun,
            ended: None,
            good: false,
            sends: 0,
            tokens,
            group,
        });
        CallId(calls.len() - 1)
    }

    pub(crate) fn sent(&self, now: Duration, call: Option<CallId>) -> InFlight {
        let mut tally = self.lock();
        tally.in_flight += 1;
        tally.most_in_flight = tally.most_in_flight.max(tally.in_flight);
        let index = call.map(|CallId(index)| index);
        if let Some(call) = index.and_then(|index| tally.calls.get_mut(index)) {
            call.sends += 1;
        }
        tally.sends.push((now, index));
        InFlight(self.clone())
    }

    pub(crate) fn end(&self, CallId(index): CallId, good: bool) {
        let ended = self.began.elapsed();
        if let Some(call) = self.lock().calls.get_mut(index) {
            call.ended = Some(ended);
            call.good = good;
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl Tally {
    /// Only the calls that `keep` keeps, and what was sent for them.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Call) -> bool) -> Self {
        let mut calls = Vec::new();
        let mut place = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            let kept = keep(call);
            place.push(kept.then_some(calls.len()));
            calls.extend(kept.then_some(*call));
        }
        let moved = |(at, call): &(Duration, Option<usize>)| {
            let call = call.and_then(|index| place.get(index).copied().flatten());
            call.map(|index| (*at, Some(index)))
        };
        Self {
            calls,
            sends: self.sends.iter().filter_map(moved).collect(),
            ..*self
        }
    }

    /// The calls that began in `[from, to)`.
    #[must_use]
    pub fn begun(&self, from: Duration, to: Duration) -> Self {
        self.only(|call| from <= call.begun && call.begun < to)
    }

    /// Sends in `[from, to)` for each call that began in it.
    #[must_use]
    pub fn amplification(&self, from: Duration, to: Duration) -> f64 {
        let within = |at: Duration| from <= at && at < to;
        let sends = self.sends.iter().filter(|(at, _)| within(*at)).count();
        let firsts = self.calls.iter().filter(|call| within(call.begun)).count();
        ratio(sends, firsts)
    }

    /// The share of the calls that ended well.
    #[must_use]
    pub fn good_share(&self) -> f64 {
        let good = self.calls.iter().filter(|call| call.good).count();
        ratio(good, self.calls.len())
    }

    /// Sends for each call.
    #[must_use]
    pub fn sends_per_call(&self) -> f64 {
        ratio(self.sends.len(), self.calls.len())
    }

    /// Sends for each call that ended well; infinite if none did.
    #[must_use]
    pub fn sends_per_success(&self) -> f64 {
        match self.calls.iter().filter(|call| call.good).count() {
            0 => f64::INFINITY,
            good => ratio(self.sends.len(), good),
        }
    }

    /// Input tokens sent without becoming an answer, for each call.
    #[must_use]
    pub fn wasted_tokens(&self) -> f64 {
        let wasted = |call: &Call| {
            let useless = call.sends.saturating_sub(u32::from(call.good));
            f64::from(useless) * f64::from(call.tokens)
        };
        self.calls.iter().map(wasted).sum::<f64>() / ratio(self.calls.len(), 1).max(1.0)
    }

    /// How long callers waited to know, in seconds: the value at this quantile.
    #[must_use]
    pub fn seconds_to_know(&self, quantile: f64) -> f64 {
        let waited = |call: &Call| call.ended.map(|ended| (ended - call.begun).as_secs_f64());
        let mut seconds: Vec<f64> = self.calls.iter().filter_map(waited).collect();
        seconds.sort_by(f64::total_cmp);
        at_quantile(&seconds, quantile)
    }

    /// Seconds from `over` until, for ten seconds, 95 % as many calls end well as begin. Infinite if
    /// that does not happen before `until`.
    #[must_use]
    pub fn recovery(&self, over: Duration, until: Duration) -> f64 {
        const WINDOW: Duration = Duration::from_secs(10);
        const STEP: Duration = Duration::from_millis(500);
        let mut good: Vec<_> = self.calls.iter().filter(|call| call.good).collect();
        good.sort_by_key(|call| call.ended);
        let mut from = over;
        while from + WINDOW <= until {
            let to = from + WINDOW;
            let begun = |at: Duration| self.calls.partition_point(|call| call.begun < at);
            let ended = |at: Duration| good.partition_point(|call| call.ended < Some(at));
            let offered = begun(to) - begun(from);
            let served = ended(to) - ended(from);
            if ratio(served, offered) >= 0.95 {
                return (from - over).as_secs_f64();
            }
            from += STEP;
        }
        f64::INFINITY
    }

    /// Sends in each tenth of a second from `from` to `to`.
    #[must_use]
    pub fn per_100_ms(&self, from: Duration, to: Duration) -> Vec<u32> {
        let sends = self.sends.iter().map(|(at, _)| *at);
        binned(sends, from, to, Duration::from_millis(100))
    }

    /// Calls that end well in each second from `from` to `to`.
    #[must_use]
    pub fn goodput(&self, from: Duration, to: Duration) -> Vec<u32> {
        let good = self.calls.iter().filter(|call| call.good);
        binned(
            good.filter_map(|call| call.ended),
            from,
            to,
            Duration::from_secs(1),
        )
    }
}

/// How many of these times are in each bin of this width from `from` to `to`.
fn binned(
    times: impl Iterator<Item = Duration>,
    from: Duration,
    to: Duration,
    width: Duration,
) -> Vec<u32> {
    let bin = |since: Duration| since.as_millis() / width.as_millis();
    let bins = to
        .saturating_sub(from)
        .as_millis()
        .div_ceil(width.as_millis());
    let mut counts = vec![0; usize::try_from(bins).unwrap_or(0)];
    for since in times.filter_map(|at| at.checked_sub(from)) {
        let bin = usize::try_from(bin(since)).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    counts
}

/// The value at a quantile of sorted values, by nearest rank; NaN if there are none.
pub(crate) fn at_quantile(sorted: &[f64], quantile: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a quantile of a small count"
    )]
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    let index = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
