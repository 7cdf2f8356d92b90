use std::error::Error;
use std::fmt;

use tower_steady_core::Outcome;

use crate::rules::Rules;
use crate::{Facts, classify_error};

/// Decides what a failure is. The built-in one asks the [rules](crate::rules()) in order; implement it
/// to swap the whole, or wrap the [built-in] to look at its answer.
///
/// It is asked about failures alone: an error status, an error inside a 200, an error of the
/// transport. Successes pass it by.
///
/// [built-in]: DefaultClassifier
#[diagnostic::on_unimplemented(
    message = "`{Self}` classifies no failures",
    label = "not a `Classifier`",
    note = "implement `Classifier` for a type of your own, which may ask `DefaultClassifier` first; a rule \
            or two are added by `ClassifyBuilder::rule`"
)]
pub trait Classifier: fmt::Debug + Send + Sync + 'static {
    /// What a failed response is.
    fn response(&self, facts: &Facts<'_>) -> Outcome;

    /// What an error without a response is; by default [`classify_error`].
    fn error(&self, error: &(dyn Error + 'static)) -> Outcome {
        classify_error(error)
    }
}

/// The built-in classifier with all rules on.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DefaultClassifier;

impl Classifier for DefaultClassifier {
    fn response(&self, facts: &Facts<'_>) -> Outcome {
        Rules::default().judge(facts)
    }
}

impl Classifier for Rules {
    fn response(&self, facts: &Facts<'_>) -> Outcome {
        self.judge(facts)
    }
}
