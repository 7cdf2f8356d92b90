use std::fmt;
use std::sync::Arc;

use tower_steady_core::{Class, Outcome};

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
    transient: bool,
    check: Arc<Check>,
}

impl UserRule {
    /// A rule that gives `class` where `check` holds. The name is put on the outcome and into logs.
    #[must_use]
    pub fn new(
        name: &'static str,
        class: Class,
        check: impl Fn(&Facts<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            class,
            transient: class.is_transient(),
            check: Arc::new(check),
        }
    }

    /// Whether another try is worth it; by default what the class says.
    #[must_use]
    pub fn transient(mut self, transient: bool) -> Self {
        self.transient = transient;
        self
    }

    pub(super) fn judge(&self, facts: &Facts<'_>) -> Option<Outcome> {
        (self.check)(facts).then(|| {
            let mut outcome = Outcome::new(self.class);
            outcome.transient = self.transient;
            outcome.rule = Some(self.name);
            outcome
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
