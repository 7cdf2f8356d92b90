//! How fast the calls of one key may go after a pause: additive increase, multiplicative decrease.

use std::time::{Duration, Instant};

use super::chance::Chance;
use super::crowd::Crowd;

/// The speed of release, in calls a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    /// Where the first release of a key begins, if it is not known what went before.
    pub(crate) initial: f64,
    /// Not slower than this, however often the server refuses.
    pub(crate) min: f64,
    /// Not faster than this.
    pub(crate) max: f64,
    /// What is left of the rate after a refusal.
    pub(crate) decrease: f64,
}

/// The pacing of one key: when the next call may go, and what its end teaches.
///
/// AIMD (Chiu and Jain 1989) on the rate of dispatches, with the phases of TCP (RFC 5681):
///
/// - It begins with what the calls achieved that were in flight when the pause began.
/// - Slow start, until the first refusal: a success doubles the rate, but adds no more than one call a
///   second. So the rate grows e-fold a second and no faster, whatever the server can take.
/// - A refusal that is not [`Chance`] halves the rate, once for all calls that went before it was known (once per window,
///   RFC 5681 section 3.1); each [`Pass`] carries the epoch of its dispatch for that. Where nothing
///   succeeded since the last change, the server was not ready yet, which says little of the rate: it
///   is not halved below where it began, and slow start goes on.
/// - Halved once, a limit is only suspected, for two refusals by chance can fall together: the way back
///   goes at a quarter of slow start, as `HyStart++` (RFC 9406) goes on where it may have been wrong to
///   stop. Some 3 s lead to the rate that was refused; a limit refuses it again.
/// - Halved twice, a limit is known. From there a success adds 1/20 call a second, and no more than a
///   tenth of the rate: at any rate some 14 s lead back to the one that was refused. Steps that are the
///   same for slow and fast callers let several processes come to equal shares.
/// - Beyond what was refused a success adds an eighth: it was refused by chance, or the limit has been
///   raised. At four times the rate that was refused, there is no such limit.
///
/// A success of a call that did not have to wait for its turn raises nothing: the rate was not what
/// held it (RFC 7661).
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    rate: f64,
    limit: Limit,
    epoch: u32,
    /// Whether a call of this epoch has succeeded.
    accepted: bool,
    last: Option<Instant>,
    chance: Chance,
    crowd: Crowd,
}

/// What refusals have told of a limit.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// Nothing: slow start.
    Unknown,
    /// This rate was refused, which may have been chance.
    Suspected(f64),
    /// This rate was refused, and one before it.
    Known(f64),
}

/// The right to one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    epoch: u32,
    number: u64,
    /// Whether the pace held this call back.
    bound: bool,
}

impl Pacer {
    /// The most that a success adds, in calls a second.
    const MOST: f64 = 1.0;
    /// How much of slow start's step a success adds on the way back to a rate that was refused once.
    const SUSPICION: f64 = 0.25;
    /// What it adds on the way back to a limit that is known, in calls a second.
    const CLIMB: f64 = 0.05;
    /// And at most, as a share of the rate.
    const CLIMB_SHARE: f64 = 0.1;
    /// What a success adds beyond, as a share of the rate.
    const BEYOND_SHARE: f64 = 0.125;
    /// How many times a rate that was refused must be accepted to be no limit. A burst that the server
    /// allows carries up to two times that far.
    const REFUTED: f64 = 4.0;
    /// Of a flight of which at least this share was accepted, the pace was about right: no more than one
    /// in ten was beyond the limit, if there is one.
    const FEW_REFUSED: f64 = 0.9;
    /// How far behind its schedule a release may catch up: timers tick in milliseconds.
    const SLACK: Duration = Duration::from_millis(10);

    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            rate: rates.initial,
            limit: Limit::Unknown,
            epoch: 0,
            accepted: false,
            last: None,
            chance: Chance::new(),
            crowd: Crowd::default(),
        }
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the rate is that of a limit, which will not double at once.
    pub(crate) fn knows_limit(&self) -> bool {
        matches!(self.limit, Limit::Known(_))
    }

    /// The time between two dispatches.
    pub(crate) fn interval(&self) -> Duration {
        self.paced().max(self.crowd.interval())
    }

    /// The same by the rate alone.
    fn paced(&self) -> Duration {
        Duration::try_from_secs_f64(self.rate.recip()).unwrap_or(Duration::MAX)
    }

    /// A pause has ended, for which so many wait.
    pub(crate) fn release(&mut self, waiting: usize) {
        self.crowd = Crowd::new(waiting);
    }

    /// When the next call may go; none if at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.last?.checked_add(self.interval())
    }

    /// Lets a call go at `now`, which must be due. `waited` tells whether it had to wait for that.
    pub(crate) fn take(&mut self, now: Instant, waited: bool) -> Pass {
        let earliest = now.checked_sub(Self::SLACK).unwrap_or(now);
        self.last = Some(match self.due() {
            Some(due) => due.clamp(earliest, now),
            None => now,
        });
        let bound = waited && self.paced() >= self.crowd.interval();
        self.crowd.take();
        Pass {
            epoch: self.epoch,
            number: self.chance.sent(),
            bound,
        }
    }

    /// A call with this pass was answered. True if the rate rose.
    pub(crate) fn success(&mut self, pass: Pass, rates: &Rates) -> bool {
        if pass.epoch != self.epoch {
            return false;
        }
        self.accepted = true;
        if !pass.bound {
            return false;
        }
        let before = self.rate;
        self.rate = (before + self.step()).min(rates.max);
        if self.limit.refused() * Self::REFUTED <= self.rate {
            self.limit = Limit::Unknown;
        }
        self.rate > before
    }

    /// A call with this pass was refused. True if that lowered the rate.
    pub(crate) fn refusal(&mut self, pass: Pass, rates: &Rates) -> bool {
        if pass.epoch != self.epoch || self.chance.takes(pass.number) {
            return false;
        }
        let before = self.rate;
        let floor = if self.accepted {
            self.limit = match self.limit {
                Limit::Unknown => Limit::Suspected(before),
                Limit::Suspected(_) | Limit::Known(_) => Limit::Known(before),
            };
            rates.min
        } else {
            rates.initial.min(before)
        };
        self.rate = (before * rates.decrease).max(floor);
        self.begin();
        self.rate < before
    }

    /// A call that was not paced was accepted, as so many a second were with it, and as this share of
    /// all of them. True if the rate rose to theirs. If their refusals were more than chance, it is
    /// lowered once for all of them, and by the share: of a burst most of which was refused, little
    /// could have gone on at its pace.
    pub(crate) fn achieved(&mut self, rate: f64, share: f64, rates: &Rates) -> bool {
        self.chance.allow();
        let kept = match share >= Self::FEW_REFUSED {
            true => rate,
            false => rate * share * rates.decrease,
        };
        let before = self.rate;
        self.rate = before.max(kept.min(rates.max));
        self.rate > before
    }

    fn step(&self) -> f64 {
        let slow_start = self.rate.min(Self::MOST);
        match self.limit {
            Limit::Unknown => slow_start,
            Limit::Suspected(refused) if self.rate < refused => slow_start * Self::SUSPICION,
            Limit::Known(refused) if self.rate < refused => {
                Self::CLIMB.min(self.rate * Self::CLIMB_SHARE)
            }
            _ => (self.rate * Self::BEYOND_SHARE).min(Self::MOST),
        }
    }

    /// Begins another release after a calm. The calls that led to it were not paced, so their refusal
    /// says nothing against the rate. Half of what was last refused, or of what has gone well since, is
    /// where it begins again.
    pub(crate) fn restart(&mut self, rates: &Rates) {
        let (reached, least) = match self.limit {
            Limit::Unknown => (self.rate, rates.initial),
            Limit::Suspected(refused) | Limit::Known(refused) => {
                (self.rate.max(refused), rates.min)
            }
        };
        self.rate = (reached * rates.decrease).max(least);
        self.last = None;
        self.begin();
    }

    fn begin(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.accepted = false;
    }
}

impl Limit {
    /// The rate that was last refused; none but infinity in slow start.
    fn refused(self) -> f64 {
        match self {
            Self::Unknown => f64::INFINITY,
            Self::Suspected(refused) | Self::Known(refused) => refused,
        }
    }
}
