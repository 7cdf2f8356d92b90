//! tokio's clock, which tests can pause, in the type that the pure parts and the notes use.

use std::time::{Duration, Instant};

/// 136 years, longer than any wait that a server can ask for: as good as never, and no instant
/// overflows for it.
const NEVER: Duration = Duration::from_secs(1 << 32);

pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// `now + span`, or as good as never.
pub(crate) fn after(now: Instant, span: Duration) -> Instant {
    now.checked_add(span.min(NEVER)).unwrap_or(now)
}
