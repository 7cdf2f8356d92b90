use std::time::{Duration, Instant};

/// When the caller stops waiting, noted in a request's extensions for every layer on the way down.
///
/// Absolute, so that it covers all tries and all waits between them. Holds a [`std::time::Instant`]
/// so that this crate needs no runtime; on tokio's paused clock make it from
/// `tokio::time::Instant::into_std`, for `std::time::Instant::now()` is not paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    instant: Instant,
    imposed: bool,
}

impl Deadline {
    /// A caller's deadline, at this instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        let imposed = false;
        Self { instant, imposed }
    }

    /// The deadline that whoever runs the client imposes on every call. By running out it says more of
    /// the provider than a caller's patience does.
    #[must_use]
    pub const fn imposed(instant: Instant) -> Self {
        let imposed = true;
        Self { instant, imposed }
    }

    /// Whether it is not this caller's own.
    #[must_use]
    pub const fn is_imposed(self) -> bool {
        self.imposed
    }

    /// The same deadline so much earlier, unless that is before the clock's beginning.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Option<Self> {
        let instant = self.instant.checked_sub(by)?;
        Some(Self { instant, ..self })
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.instant
    }

    /// The time left at `now`, zero once it has passed.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.instant.saturating_duration_since(now)
    }

    /// The note on `extensions`, if there is one.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
