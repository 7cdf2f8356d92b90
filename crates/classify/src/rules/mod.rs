//! The rules: an ordered table, first match decides.

mod names;
mod on;
mod table;
#[cfg(test)]
mod tests;
mod user;

use std::time::Duration;

use http::StatusCode;
use http::header::HeaderName;
use tower_steady_core::{Class, Outcome};

#[cfg(test)]
pub(crate) use self::names::all_names;
pub use self::user::UserRule;

use self::names::{Places, asked_for};
use self::on::On;
use self::table::TABLE;
use crate::facts::{Name, Phrases};
use crate::{Facts, Provider};

/// One line of the table: where it applies, what it looks for, and what that means.
pub(crate) struct Rule {
    name: &'static str,
    on: On,
    when: When,
    class: Class,
    then: Then,
    why: &'static str,
}

enum When {
    /// One of the identifiers is one of these.
    Id(&'static [Name]),
    /// A message says this.
    Says(Phrases),
    /// The provider is one of these.
    From(&'static [Provider]),
    /// Anything else.
    Check(fn(&Facts<'_>) -> bool),
    /// The status alone.
    Always,
}

/// What a rule means for another try.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// As the class says.
    AsClass,
    /// As the outcome says, and no `x-should-retry` has a say.
    AsSaid,
    Retry,
    GiveUp,
    /// Give up, and no `x-should-retry` helps: only a payment does.
    GiveUpForGood,
    /// Give up, and a short wait stated beside it is not about this, but about a quota of a minute.
    GiveUpDespiteWait,
}

/// A rule of the table as a reader sees it: its name, for [`without_rule`] and logs, and its reason.
///
/// [`without_rule`]: crate::ClassifyBuilder::without_rule
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RuleInfo {
    /// The name, as it stands in `Outcome::rule`.
    pub name: &'static str,
    /// The class that it decides for.
    pub class: Class,
    /// Why the rule is right.
    pub why: &'static str,
}

/// The built-in rules in the order in which they are asked.
pub fn rules() -> impl Iterator<Item = RuleInfo> {
    TABLE.iter().map(|rule| RuleInfo {
        name: rule.name,
        class: rule.class,
        why: rule.why,
    })
}

/// The built-in rules, with some switched off, and a user's own before them: the default
/// [`Classifier`](crate::Classifier).
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    own: Vec<UserRule>,
    off: Places,
}

impl Rules {
    pub(crate) fn add(&mut self, rule: UserRule) {
        self.own.push(rule);
    }

    /// False if there is no such rule.
    pub(crate) fn switch_off(&mut self, name: &str) -> bool {
        let place = TABLE.iter().position(|rule| rule.name == name);
        self.off |= place.map_or(0, |place| 1 << place);
        place.is_some()
    }

    pub(crate) fn judge(&self, facts: &Facts<'_>) -> Outcome {
        if let Some((outcome, then)) = self.own.iter().find_map(|rule| rule.judge(facts)) {
            return with_wait(overruled(outcome, then, facts), facts);
        }
        let mut on = On::of(facts);
        let named = asked_for(facts) & !self.off;
        // A code inside a 200 stands for the status that it would have come with.
        let by_code = on
            .is_stream()
            .then(|| with_bits().find(|(rule, bit)| named & bit != 0 && rule.on.covers(on)))
            .flatten();
        if let Some((rule, _)) = by_code {
            on = On::of_class(rule.class);
        }
        let deciding = with_bits()
            .find(|(rule, bit)| {
                self.off & bit == 0
                    && rule.on.covers(on)
                    && rule.when.holds(facts, named & bit != 0)
            })
            .or(by_code)
            .map(|(rule, _)| rule);
        let (outcome, then) = match deciding {
            Some(rule) => (rule.outcome(), rule.then),
            None => (by_status(facts), Then::AsClass),
        };
        let outcome = overruled(outcome, then, facts);
        let is_short = |wait| wait <= Duration::from_secs(60);
        if then == Then::GiveUpDespiteWait && facts.wait().is_some_and(is_short) {
            return outcome;
        }
        with_wait(outcome, facts)
    }
}

/// The rules, each with its bit.
fn with_bits() -> impl Iterator<Item = (&'static Rule, Places)> {
    TABLE
        .iter()
        .enumerate()
        .map(|(place, rule)| (rule, 1 << place))
}

impl Rule {
    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::new(self.class);
        outcome.rule = Some(self.name);
        match self.then {
            Then::AsClass | Then::AsSaid => {}
            Then::Retry => outcome.transient = true,
            Then::GiveUp | Then::GiveUpForGood | Then::GiveUpDespiteWait => {
                outcome.transient = false;
            }
        }
        outcome
    }
}

impl When {
    /// Whether the rule applies to these facts, among whose identifiers is, or is not, one of its own.
    fn holds(&self, facts: &Facts<'_>, named: bool) -> bool {
        match self {
            Self::Id(_) => named,
            Self::Says(phrases) => facts.says(*phrases),
            Self::From(providers) => facts.provider().is_some_and(|p| providers.contains(&p)),
            Self::Check(check) => check(facts),
            Self::Always => true,
        }
    }
}

/// No rule knows better: the status decides, and an error inside a 200 that gives none is the
/// server's fault.
fn by_status(facts: &Facts<'_>) -> Outcome {
    match facts.effective_status() {
        Some(status) => {
            let mut outcome = Outcome::from_status(status);
            outcome.rule = Some("status");
            outcome
        }
        None => {
            let mut outcome = Outcome::new(Class::ServerError);
            outcome.rule = Some("error-in-success");
            outcome
        }
    }
}

static SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The server's own word on another try: `x-should-retry`, and `retryable` in Cloudflare's errors.
///
/// The word of a failed status alone: the head of a 200 was written before its error was known.
fn overruled(mut outcome: Outcome, then: Then, facts: &Facts<'_>) -> Outcome {
    if facts.status() < StatusCode::BAD_REQUEST || then == Then::AsSaid {
        return outcome;
    }
    // Compared as the SDKs do: exactly these spellings.
    match facts.headers().get(&SHOULD_RETRY).map(|v| v.as_bytes()) {
        Some(b"true") if then != Then::GiveUpForGood => outcome.transient = true,
        Some(b"false") => outcome.transient = false,
        _ if facts.retryable() == Some(false) => outcome.transient = false,
        _ => {}
    }
    outcome
}

/// A wait that the body states, where waiting is what the failure is about.
fn with_wait(mut outcome: Outcome, facts: &Facts<'_>) -> Outcome {
    let about_time = matches!(
        outcome.class,
        Class::RateLimited
            | Class::Overloaded
            | Class::QuotaExhausted
            | Class::ServerError
            | Class::Timeout
            | Class::Conflict
            | Class::Transport
    );
    if (about_time || outcome.transient)
        && let Some(wait) = facts.wait()
    {
        outcome.wait_at_least(wait);
    }
    outcome
}
