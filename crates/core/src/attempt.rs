use crate::Class;

/// Which try of a call a request is, noted in its extensions by the retry layer.
///
/// A request without this note is the first try. A retry layer removes a note that it inherits, so
/// that the numbers seen below it are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// Whether a [`Gate`](crate::Gate) has granted this try, or none stood in the way. A repeat that
    /// is not paid comes from somebody who does not ask, and a budget charges it or rejects it.
    pub paid: bool,
    /// What the try before this one came to, where the retry layer says so. A budget that gives the
    /// price of a retry back on its success knows by it which price that was.
    pub after: Option<Class>,
}

impl Attempt {
    /// The note of a try; `number` counts from 1.
    #[must_use]
    pub const fn new(number: u32, paid: bool) -> Self {
        Self {
            number,
            paid,
            after: None,
        }
    }

    /// Adds what the try before came to.
    #[must_use]
    pub const fn after(mut self, class: Class) -> Self {
        self.after = Some(class);
        self
    }

    /// The note on `extensions`, or the first try where there is none.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::new(1, true))
    }
}
