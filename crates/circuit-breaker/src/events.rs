//! The tracing events, in one place so that names and fields stay what the front page says.

use tower_steady_core::VetoReason;
use tower_steady_core::event::millis;

use crate::breaker::Refusal;
use crate::state::{State, Transition, TripReason};

const TARGET: &str = "tower_steady_circuit_breaker";

/// A call was not let through.
pub(crate) fn rejected(refusal: &Refusal, key: Option<&str>) {
    tracing::debug!(
        target: TARGET,
        veto = VetoReason::CircuitOpen.as_str(),
        key,
        state = refusal.state.as_str(),
        reason = refusal.reason.as_str(),
        left_ms = refusal.left.map(millis),
        "call rejected"
    );
}

/// A circuit is in another state.
pub(crate) fn changed(transition: &Transition) {
    let key = transition.key.as_deref();
    let state = transition.to.as_str();
    let reason = transition.reason.map(TripReason::as_str);
    let generation = transition.generation;
    match transition.to {
        State::Open | State::ForcedOpen => tracing::warn!(
            target: TARGET,
            key,
            state,
            reason,
            left_ms = transition.open_for.map(millis),
            trips = transition.trips,
            generation,
            "circuit opened"
        ),
        State::HalfOpen => {
            tracing::info!(target: TARGET, key, state, reason, generation, "circuit half-open");
        }
        _ => tracing::info!(target: TARGET, key, state, generation, "circuit closed"),
    }
}
