use std::time::Duration;

use crate::state::{Counts, State, TripReason, WindowCounts};

/// A circuit at one moment: state and counts belong together.
///
/// With the feature `serde` it serialises field by field, `left` as `left_ms` in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// The circuit's key, printed by `Debug`; `None` where the layer is not keyed.
    pub key: Option<String>,
    /// What it does with calls.
    pub state: State,
    /// Why it is open or half-open.
    pub reason: Option<TripReason>,
    /// How long it stays open; `None` in every other state.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "left_ms",
            serialize_with = "tower_steady_core::event::serialize_millis"
        )
    )]
    pub left: Option<Duration>,
    /// How many times in a row it has tripped without becoming healthy in between.
    pub trips: u32,
    /// Counts its transitions.
    pub generation: u64,
    /// What it has counted since it was made.
    pub counts: Counts,
    /// The calls in the rolling window, if any rule needs one.
    pub window: Option<WindowCounts>,
}
