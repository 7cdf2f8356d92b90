use std::error::Error;
use std::fmt;

/// The source of a `Failure` whose next try could not be sent in time, where no answer and no error of
/// an earlier try could be kept. The failure's outcome and report say what came before.
#[derive(Debug)]
pub struct NotSent(());

impl NotSent {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the next try was not sent")
    }
}

impl Error for NotSent {}
