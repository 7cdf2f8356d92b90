use std::borrow::Cow;
use std::time::Duration;

use tower_steady_core::key::{ByHost, RequestKey};
use tower_steady_core::metrics::Name;
use tower_steady_core::{Class, ConfigError};

use super::PauseLayer;
use super::pacer::Rates;

/// A validated configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) classes: [bool; Class::ALL.len()],
    pub(crate) max_pause: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) max_waiting: usize,
    pub(crate) max_keys: usize,
    pub(crate) idle: Duration,
    pub(crate) proactive: bool,
    pub(crate) rates: Rates,
}

impl Settings {
    /// Whether outcomes of `class` pause.
    pub(crate) fn pauses(&self, class: Class) -> bool {
        self.classes.get(class.index()).copied().unwrap_or(false)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut classes = [false; Class::ALL.len()];
        classes[Class::RateLimited.index()] = true;
        classes[Class::Overloaded.index()] = true;
        Self {
            name: Name::default(),
            classes,
            max_pause: Duration::from_secs(60),
            max_wait: Duration::from_secs(120),
            max_waiting: 16 * 1024,
            max_keys: 1024,
            idle: Duration::from_secs(600),
            proactive: false,
            rates: Rates {
                initial: 1.0,
                min: 1.0 / 60.0,
                max: 10_000.0,
                decrease: 0.5,
            },
        }
    }
}

/// Configures a [`PauseLayer`]. Every setter has a default, given with it.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct PauseBuilder<K = ByHost> {
    key: K,
    settings: Settings,
}

impl PauseBuilder<ByHost> {
    pub(crate) fn new() -> Self {
        Self {
            key: ByHost,
            settings: Settings::default(),
        }
    }
}

impl<K> PauseBuilder<K> {
    /// What metrics call this layer, in their label `name`. Default `default`; layers with the same
    /// name are counted together.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.settings.name = Name::new(name);
        self
    }

    /// What tells calls apart; those of one key are paused together. Default: [`ByHost`].
    pub fn key<N: RequestKey>(self, key: N) -> PauseBuilder<N> {
        PauseBuilder {
            key,
            settings: self.settings,
        }
    }

    /// The classes whose waits pause the key, in place of the default: `rate_limited` and
    /// `overloaded`. None of them: only [`PauseHandle::pause`](super::PauseHandle::pause) does.
    pub fn classes(mut self, classes: impl IntoIterator<Item = Class>) -> Self {
        self.settings.classes = [false; Class::ALL.len()];
        for class in classes {
            self.settings.classes[class.index()] = true;
        }
        self
    }

    /// The longest wait that pauses the key. Default: 60 s.
    ///
    /// Beyond it the server speaks of a quota, not of a moment: nobody is held for that, and each call
    /// gets the provider's own refusal with its wait.
    pub fn max_pause(mut self, max_pause: Duration) -> Self {
        self.settings.max_pause = max_pause;
        self
    }

    /// The longest time that one call waits here, for the end of the pause and for its turn. Default:
    /// 120 s. A [`Deadline`](tower_steady_core::Deadline) on the request that is sooner counts instead, of
    /// whose time a tenth is kept for the call itself.
    ///
    /// Zero fails fast: a call that cannot go at once is refused with the time left.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.settings.max_wait = max_wait;
        self
    }

    /// How many calls of one key may wait; one more is refused at once. Default: 16,384.
    ///
    /// This bounds the memory for their requests. How many can wait with success follows from the rate
    /// and their patience: once the limit is known, a call is refused that would spend more than half of
    /// its time behind others.
    pub fn max_waiting(mut self, max_waiting: usize) -> Self {
        self.settings.max_waiting = max_waiting;
        self
    }

    /// How many keys are kept. Default: 1024. When all of them are paused or paced, another is not.
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.settings.max_keys = max_keys;
        self
    }

    /// After what time without a pause a key, and what was learned of its rate, is forgotten. Default:
    /// 10 min.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.settings.idle = idle;
        self
    }

    /// Pauses on a *success* too, when its headers say that nothing remains of a quota and when it is
    /// reset, within [`max_pause`](Self::max_pause). Default: off.
    ///
    /// Spares the refusal, but costs time: many providers tell when the quota is *full* again, and one
    /// call would fit long before. It also looks through the headers of every answer.
    pub fn proactive(mut self, proactive: bool) -> Self {
        self.settings.proactive = proactive;
        self
    }

    /// With how many calls a second the first release of a key begins. Default: 1. What the calls
    /// achieved that were in flight counts instead, where it is more, and what the key has learned since,
    /// until it is idle.
    pub fn initial_rate(mut self, calls_per_second: f64) -> Self {
        self.settings.rates.initial = calls_per_second;
        self
    }

    /// Not slower than this many calls a second. Default: 1 a minute.
    pub fn min_rate(mut self, calls_per_second: f64) -> Self {
        self.settings.rates.min = calls_per_second;
        self
    }

    /// Not faster than this many calls a second, after a pause. Default: 10,000.
    pub fn max_rate(mut self, calls_per_second: f64) -> Self {
        self.settings.rates.max = calls_per_second;
        self
    }

    /// What is left of the rate after a refusal that is not taken for chance, between 0 and 1. Default:
    /// 0.5 (RFC 5681).
    pub fn decrease(mut self, factor: f64) -> Self {
        self.settings.rates.decrease = factor;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// A duration or count of zero where there must be some (`max_pause`, `max_waiting` unless
    /// `max_wait` is zero, `max_keys`, `idle`); a rate that is not a positive finite number; rates that
    /// are not in the order `min_rate`, `initial_rate`, `max_rate`; a `decrease` outside of 0 to 1.
    pub fn build(self) -> Result<PauseLayer<K>, ConfigError>
    where
        K: RequestKey,
    {
        let Self { key, settings } = self;
        some("max_pause", !settings.max_pause.is_zero())?;
        some("max_keys", settings.max_keys > 0)?;
        some("idle", !settings.idle.is_zero())?;
        some(
            "max_waiting",
            settings.max_waiting > 0 || settings.max_wait.is_zero(),
        )?;
        let rates = &settings.rates;
        for (field, rate) in [
            ("min_rate", rates.min),
            ("initial_rate", rates.initial),
            ("max_rate", rates.max),
        ] {
            if !(rate.is_finite() && rate > 0.0) {
                let problem = format!("must be a positive number of calls a second, got {rate}");
                return Err(ConfigError::new(field, problem));
            }
        }
        if rates.initial < rates.min {
            let problem = format!(
                "must be at least `min_rate` ({}), got {}",
                rates.min, rates.initial
            );
            return Err(ConfigError::new("initial_rate", problem));
        }
        if rates.max < rates.initial {
            let problem = format!(
                "must be at least `initial_rate` ({}), got {}",
                rates.initial, rates.max
            );
            return Err(ConfigError::new("max_rate", problem));
        }
        if !(rates.decrease > 0.0 && rates.decrease < 1.0) {
            let problem = format!("must be between 0 and 1, got {}", rates.decrease);
            return Err(ConfigError::new("decrease", problem));
        }
        Ok(PauseLayer::with(key, settings))
    }
}

fn some(field: &'static str, is_some: bool) -> Result<(), ConfigError> {
    if is_some {
        return Ok(());
    }
    Err(ConfigError::new(field, "must be more than zero"))
}
