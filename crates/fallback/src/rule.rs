use std::fmt;
use std::sync::Arc;

use tower_steady_core::{Class, Outcome};

type Predicate = Arc<dyn Fn(&Outcome) -> bool + Send + Sync>;

/// Which outcomes fall back.
#[derive(Clone)]
pub(crate) struct Rule(Option<Predicate>);

impl Rule {
    /// What is not the request's own fault.
    pub(crate) const DEFAULT: Self = Self(None);

    pub(crate) fn new(rule: impl Fn(&Outcome) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(rule)))
    }

    pub(crate) fn falls_back(&self, outcome: &Outcome) -> bool {
        match &self.0 {
            Some(rule) => rule(outcome),
            None => {
                outcome.class.is_transient()
                    || matches!(outcome.class, Class::QuotaExhausted | Class::Rejected)
            }
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "own" } else { "default" })
    }
}
