use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tower_steady_core::{Class, Outcome, Report};

/// On a degraded answer, in its extensions: why it is not the provider's, where it is from, how old
/// it is, and what the provider's own answer came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Degraded {
    /// The class of the provider's answer.
    pub reason: Class,
    /// The name of the source that answered.
    pub source: Arc<str>,
    /// How long ago this answer was good, where it is not of now.
    pub age: Option<Duration>,
    /// The outcome that the caller would have got.
    pub outcome: Outcome,
    /// What was tried at the provider.
    pub report: Option<Report>,
}

impl Degraded {
    /// The value of the header: a structured field (RFC 9651), the source as a token, the reason and
    /// the age in seconds as parameters.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = format!("{};reason={}", self.source, self.reason);
        if let Some(age) = self.age {
            // Writing to a string does not fail.
            let _ = write!(value, ";age={}", age.as_secs());
        }
        HeaderValue::from_str(&value).ok()
    }
}

/// On the provider's own answer, in its extensions, when a fallback was asked and had none.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tried {
    /// The name of each source and why it did not answer, in the order in which they were asked.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
}

impl Tried {
    /// One source that had no answer, and why. The problem must not hold a prompt or a key.
    #[must_use]
    pub fn one(source: &Arc<str>, problem: impl Into<Arc<str>>) -> Self {
        Self {
            sources: vec![(Arc::clone(source), problem.into())],
        }
    }
}
