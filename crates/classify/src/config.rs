use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tower_steady_core::{ConfigError, Outcome};

use crate::classifier::{Classifier, DefaultClassifier};
use crate::rules::{Rules, UserRule};
use crate::{ClassifyLayer, Facts, Provider};

/// How much of a body is looked at.
pub(crate) const LOOK_LIMIT: usize = 64 * 1024;

/// What the layer was told, shared by all clones.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) judge: Judge,
    pub(crate) provider: Option<Provider>,
    pub(crate) look_limit: usize,
    pub(crate) time_limit: Duration,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) json_look: bool,
}

impl Config {
    const DEFAULT: Self = Self {
        judge: Judge::Default,
        provider: None,
        look_limit: LOOK_LIMIT,
        time_limit: Duration::from_secs(2),
        max_hold: None,
        json_look: true,
    };
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where the configuration is: the default one is for everybody, so that a call counts no reference
/// to it.
#[derive(Clone)]
pub(crate) enum Source<P> {
    Default,
    Own(P),
}

impl<P> Source<P> {
    pub(crate) fn map<Q>(&self, change: impl FnOnce(&P) -> Q) -> Source<Q> {
        match self {
            Self::Default => Source::Default,
            Self::Own(config) => Source::Own(change(config)),
        }
    }
}

impl<P: Deref<Target = Config>> fmt::Debug for Source<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<P: Deref<Target = Config>> Deref for Source<P> {
    type Target = Config;

    fn deref(&self) -> &Config {
        static DEFAULT: Config = Config::DEFAULT;
        match self {
            Self::Default => &DEFAULT,
            Self::Own(config) => config,
        }
    }
}

/// The classifier, as bodies carry it with them.
#[derive(Clone)]
pub(crate) enum Judge {
    Default,
    Own(Arc<dyn Classifier>),
}

impl Judge {
    fn classifier(&self) -> &dyn Classifier {
        match self {
            Self::Default => &DefaultClassifier,
            Self::Own(classifier) => &**classifier,
        }
    }
}

impl Classifier for Judge {
    fn response(&self, facts: &Facts<'_>) -> Outcome {
        self.classifier().response(facts)
    }

    fn error(&self, error: &(dyn Error + 'static)) -> Outcome {
        self.classifier().error(error)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.classifier().fmt(f)
    }
}

/// Builds a [`ClassifyLayer`]; see [`ClassifyLayer::builder`].
#[derive(Debug, Default)]
#[must_use]
pub struct ClassifyBuilder {
    config: Config,
    rules: Rules,
    classifier: Option<Judge>,
    unknown_rule: Option<String>,
}

impl ClassifyBuilder {
    /// The provider behind this layer. Without it the request's host and the response tell, as far as
    /// they do; only a handful of rules need it.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.config.provider = Some(provider);
        self
    }

    /// Adds a rule of your own. Own rules are asked before the built-in ones, in the order in which
    /// they were added.
    pub fn rule(mut self, rule: UserRule) -> Self {
        self.rules.add(rule);
        self
    }

    /// Switches a built-in rule off by its name; [`rules`](crate::rules()) lists them.
    pub fn without_rule(mut self, name: &str) -> Self {
        if !self.rules.switch_off(name) {
            self.unknown_rule.get_or_insert_with(|| name.to_owned());
        }
        self
    }

    /// Swaps the whole: all decisions are this classifier's, and rules set here do not count.
    pub fn classifier(mut self, classifier: impl Classifier) -> Self {
        self.classifier = Some(Judge::Own(Arc::new(classifier)));
        self
    }

    /// How many bytes of a body are looked at, from 1 byte to 16 MiB; 64 KiB by default. A body that is longer is handed on
    /// unread from there, and judged by status if its JSON was cut.
    pub fn look_limit(mut self, bytes: usize) -> Self {
        self.config.look_limit = bytes;
        self
    }

    /// How long an error body may take to arrive, measured from its head: above zero, at most 24 h; 2 s by
    /// default. When it is over, or a deadline or an attempt's timer runs out before, the caller gets what arrived, and then
    /// the rest as it comes.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.config.time_limit = limit;
        self
    }

    /// How long the head of a stream is held back while no output comes. By default as long as that
    /// takes, for a timer on the first output bounds it; a gateway whose clients count on seeing pings
    /// sets it: above zero, at most 24 h. A stream that is let go is committed: an error that comes later
    /// can only be reported.
    pub fn max_hold(mut self, limit: Duration) -> Self {
        self.config.max_hold = Some(limit);
        self
    }

    /// Whether a whole JSON answer with a success status is looked at for an error inside, as some
    /// gateways send; on by default. At most 4 KiB are read before the head is passed on, unless they
    /// end within an error: then it is read as one.
    pub fn json_look(mut self, on: bool) -> Self {
        self.config.json_look = on;
        self
    }

    /// Finishes the layer.
    ///
    /// # Errors
    ///
    /// If a rule to switch off does not exist, or a limit is zero or out of range.
    pub fn build(self) -> Result<ClassifyLayer, ConfigError> {
        let Self {
            mut config,
            rules,
            classifier,
            unknown_rule,
        } = self;
        if let Some(name) = unknown_rule {
            let problem = format!("must name a built-in rule, got {name:?}");
            return Err(ConfigError::new("without_rule", problem));
        }
        if !(1..=MAX_LOOK).contains(&config.look_limit) {
            let problem = format!("must be from 1 byte to 16 MiB, got {}", config.look_limit);
            return Err(ConfigError::new("look_limit", problem));
        }
        for (field, limit) in [
            ("time_limit", Some(config.time_limit)),
            ("max_hold", config.max_hold),
        ] {
            if limit.is_some_and(|limit| limit.is_zero() || limit > MAX_TIME) {
                let problem = format!("must be above zero and at most {MAX_TIME:?}");
                return Err(ConfigError::new(field, problem));
            }
        }
        config.judge = classifier.unwrap_or_else(|| Judge::Own(Arc::new(rules)));
        Ok(ClassifyLayer::from_config(config))
    }
}

const MAX_LOOK: usize = 16 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);
