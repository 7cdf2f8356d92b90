//! The tracing events, in one place so that names and fields stay what the front page says.

use tower_steady_core::{Attempt, Veto, VetoReason};

use crate::spend::Workflow;

const TARGET: &str = "tower_steady_retry_budget";

pub(crate) fn exhausted(name: &str, balance: Option<f64>, cost: f64) {
    tracing::warn!(
        target: TARGET,
        name,
        veto = VetoReason::Budget.as_str(),
        balance,
        cost,
        "retry budget exhausted"
    );
}

/// After so many refusals a retry is granted again.
pub(crate) fn recovered(name: &str, denied: u64) {
    tracing::info!(target: TARGET, name, denied, "retry budget recovered");
}

/// A limit on what retries may cost.
#[derive(Debug)]
pub(crate) struct Hit<'a> {
    pub(crate) name: &'a str,
    pub(crate) reason: &'static str,
    pub(crate) used: u64,
    pub(crate) limit: u64,
    pub(crate) cost: u64,
    pub(crate) unit: &'a str,
    pub(crate) workflow: Option<&'a Workflow>,
}

pub(crate) fn spend_limit_hit(hit: &Hit<'_>) {
    tracing::warn!(
        target: TARGET,
        name = hit.name,
        veto = VetoReason::Spend.as_str(),
        reason = hit.reason,
        used = hit.used,
        limit = hit.limit,
        cost = hit.cost,
        unit = hit.unit,
        workflow = hit.workflow.map(Workflow::id),
        "spend limit hit"
    );
}

/// A repeat came whose retry layer had not asked.
pub(crate) fn charged(attempt: Attempt) {
    tracing::debug!(target: TARGET, attempt = attempt.number, "unpaid repeat charged");
}

pub(crate) fn rejected(attempt: Attempt, veto: &Veto) {
    tracing::debug!(
        target: TARGET,
        attempt = attempt.number,
        veto = veto.reason().as_str(),
        "unpaid repeat rejected"
    );
}
