use std::error::Error;
use std::fmt;

use tower_steady_core::BoxError;

use crate::Tried;

/// The provider's own error, with what else was tried. Its source is that error, which neither `Display`
/// nor `Debug` prints, for it may hold anything.
pub struct NothingWorked {
    pub(crate) tried: Tried,
    pub(crate) source: BoxError,
}

impl NothingWorked {
    /// What else was asked.
    #[must_use]
    pub const fn tried(&self) -> &Tried {
        &self.tried
    }

    /// The provider's own error, by value.
    #[must_use]
    pub fn into_source(self) -> BoxError {
        self.source
    }
}

impl fmt::Display for NothingWorked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no fallback had an answer either")?;
        for (index, (source, problem)) in self.tried.sources.iter().enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{source} ({problem})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NothingWorked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NothingWorked")
            .field("tried", &self.tried)
            .finish_non_exhaustive()
    }
}

impl Error for NothingWorked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
