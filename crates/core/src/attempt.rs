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
}

impl Attempt {
    /// The note of a try; `number` counts from 1.
    #[must_use]
    pub const fn new(number: u32, paid: bool) -> Self {
        Self { number, paid }
    }

    /// The note on `extensions`, or the first try where there is none.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::new(1, true))
    }
}
