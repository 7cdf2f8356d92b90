//! The ledger behind its lock, with the clock and the events.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;
use tower_steady_core::metrics::Name;
use tower_steady_core::{Veto, VetoReason};

use super::cost::{RequestInfo, Unit};
use super::ledger::{Ledger, Limit, Order, Refusal, Reservation};
use crate::account::lock;
use crate::{events, metrics};

/// What one retry of a request costs.
pub(crate) type CostFn = Arc<dyn Fn(&RequestInfo<'_>) -> u64 + Send + Sync>;

/// One ledger, shared by every layer, service, gate and handle of it. Its lock is taken for retries
/// and by handles only, never for a call that succeeds.
pub(crate) struct Book {
    name: Cow<'static, str>,
    label: Name,
    unit: Unit,
    cost: CostFn,
    ledger: Mutex<Ledger>,
    opened: Instant,
}

impl Book {
    pub(crate) fn new(name: Cow<'static, str>, unit: Unit, cost: CostFn, ledger: Ledger) -> Self {
        Self {
            label: Name::new(name.clone()),
            name,
            unit,
            cost,
            ledger: Mutex::new(ledger),
            opened: Instant::now(),
        }
    }

    pub(crate) fn name(&self) -> &Cow<'static, str> {
        &self.name
    }

    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    pub(crate) fn cost(&self, request: &RequestInfo<'_>) -> u64 {
        (self.cost)(request)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(crate) fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Books a retry, or says which limit it would break.
    pub(crate) fn reserve(
        &self,
        order: Order<'_>,
        now: std::time::Instant,
    ) -> Result<Reservation, Veto> {
        let now = now.saturating_duration_since(self.opened.into_std());
        // Bound first: events are made with the lock released.
        let result = self.ledger().reserve(order, now);
        if result.is_ok() {
            metrics::charged(&self.label, self.unit, order.cost);
        }
        result.map_err(|refusal| self.veto(order, &refusal))
    }

    /// Undoes a reservation, for a retry that was not sent.
    pub(crate) fn refund(&self, reservation: &Reservation) {
        self.ledger().refund(reservation);
        metrics::refunded(&self.label, self.unit, reservation.cost());
    }

    fn veto(&self, order: Order<'_>, refusal: &Refusal) -> Veto {
        let Refusal {
            limit, used, most, ..
        } = *refusal;
        let (unit, cost) = (self.unit, order.cost);
        metrics::spend_denied(&self.label, limit.as_str());
        if refusal.news {
            events::spend_limit_hit(&events::Hit {
                name: &self.name,
                reason: limit.as_str(),
                used,
                limit: most,
                cost,
                unit: unit.as_str(),
                workflow: order.workflow,
            });
        }
        let detail = match limit {
            Limit::MaxWorkflows => format!("max_workflows: {used} of {most} at work"),
            _ => format!(
                "{}: {used} of {most} {unit} spent on retries, this one costs {cost}",
                limit.as_str()
            ),
        };
        let veto = Veto::new(VetoReason::Spend).detail(detail);
        match refusal.left {
            Some(left) => veto.left(left),
            None => veto,
        }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spend")
            .field("name", &self.name)
            .field("unit", &self.unit)
            .field("totals", &self.ledger().totals())
            .finish_non_exhaustive()
    }
}
