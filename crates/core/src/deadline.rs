use std::time::{Duration, Instant};

/// When the caller stops waiting, noted in a request's extensions for every layer on the way down.
///
/// Absolute, so that it covers all tries and all waits between them. Holds a [`std::time::Instant`]
/// so that this crate needs no runtime; on tokio's paused clock make it from
/// `tokio::time::Instant::into_std`, for `std::time::Instant::now()` is not paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at this instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// The time left at `now`, zero once it has passed.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// The note on `extensions`, if there is one.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
