use std::fmt;
use std::sync::Arc;

use tower_steady_core::{Class, Outcome};

use super::Then;
use crate::Facts;

type Check = dyn Fn(&Facts<'_>) -> bool + Send + Sync;

/// A rule of your own, asked before the built-in ones.
///
/// ```
/// use tower_steady_classify::{ClassifyLayer, UserRule};
/// use tower_steady_core::Class;
///
/// // A gateway of ours says so when a tenant has used up its share.
/// let tenant = UserRule::new("tenant-share", Class::QuotaExhausted, |facts| {
///     facts.status() == 429 && facts.has_id("tenant_share_used")
/// });
/// let layer = ClassifyLayer::builder().rule(tenant).build().unwrap();
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct UserRule {
    name: &'static str,
    class: Class,
    transient: Option<bool>,
    check: Arc<Check>,
}

impl UserRule {
    /// A rule that gives `class` where `check` holds. The name is put on the outcome and into logs.
    ///
    /// Whether another try is worth it the class says, or the server, if it sends `x-should-retry`. Over
    /// a rule for [`Class::QuotaExhausted`], which is a named bill like a provider's own, the server can
    /// only say no.
    #[must_use]
    pub fn new(
        name: &'static str,
        class: Class,
        check: impl Fn(&Facts<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            class,
            transient: None,
            check: Arc::new(check),
        }
    }

    /// Whether another try is worth it, whatever class and server say.
    #[must_use]
    pub fn transient(mut self, transient: bool) -> Self {
        self.transient = Some(transient);
        self
    }

    /// The outcome, and what it means for another try; `None` where the rule does not apply.
    pub(super) fn judge(&self, facts: &Facts<'_>) -> Option<(Outcome, Then)> {
        (self.check)(facts).then(|| {
            let mut outcome = Outcome::new(self.class);
            outcome.rule = Some(self.name);
            let then = match self.transient {
                Some(transient) => {
                    outcome.transient = transient;
                    Then::AsSaid
                }
                None if self.class == Class::QuotaExhausted => Then::GiveUpForGood,
                None => Then::AsClass,
            };
            (outcome, then)
        })
    }
}

impl fmt::Debug for UserRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRule")
            .field("name", &self.name)
            .field("class", &self.class)
            .field("transient", &self.transient)
            .finish_non_exhaustive()
    }
}
