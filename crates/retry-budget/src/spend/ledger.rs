//! Who has spent what on retries. Pure, `now` as an argument.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::cost::Workflow;
use super::hour::Hour;

/// What may be spent, in the layer's unit; `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) per_request: u64,
    pub(crate) per_workflow: u64,
    pub(crate) per_hour: u64,
    pub(crate) max_workflows: usize,
    pub(crate) workflow_idle: Duration,
}

/// A retry that wants to be paid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) cost: u64,
    /// What earlier retries of the same request have cost.
    pub(crate) before: u64,
    pub(crate) workflow: Option<&'a Workflow>,
}

/// A retry that is paid: what to undo if it is not sent.
#[derive(Debug)]
pub(crate) struct Reservation {
    cost: u64,
    minute: u64,
    line: Option<(Workflow, u64)>,
}

/// Which limit stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    PerRequest,
    PerWorkflow,
    PerHour,
    MaxWorkflows,
}

impl Limit {
    /// Spelled as the builder's method.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PerRequest => "per_request",
            Self::PerWorkflow => "per_workflow",
            Self::PerHour => "per_hour",
            Self::MaxWorkflows => "max_workflows",
        }
    }
}

/// Why a retry was not paid.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) limit: Limit,
    /// How much of the limit is used, and what it is.
    pub(crate) used: u64,
    pub(crate) most: u64,
    /// When there will be room, if nobody else takes it.
    pub(crate) left: Option<Duration>,
    /// Whether this limit had not been hit yet.
    pub(crate) news: bool,
}

/// Sums over everything that was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) spent: u64,
    pub(crate) granted: u64,
    pub(crate) returned: u64,
    pub(crate) denied: u64,
}

/// Spend by request, workflow and hour.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    hour: Hour,
    hour_refused: Option<Duration>,
    full_refused: Option<Duration>,
    lines: HashMap<Workflow, Line>,
    /// Tells a workflow's line from a later one of the same workflow.
    births: u64,
    /// Before this moment no line can be idle.
    next_sweep: Duration,
    totals: Totals,
}

#[derive(Debug)]
struct Line {
    birth: u64,
    spent: u64,
    used_at: Duration,
    refused: bool,
}

impl Reservation {
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }
}

impl Ledger {
    /// A limit that is shared by all counts as hit anew when it was not for this long.
    const QUIET: Duration = Duration::from_secs(60);

    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            hour: Hour::new(),
            hour_refused: None,
            full_refused: None,
            lines: HashMap::new(),
            births: 0,
            next_sweep: Duration::ZERO,
            totals: Totals::default(),
        }
    }

    /// Books the cost under every limit, or under none.
    pub(crate) fn reserve(
        &mut self,
        order: Order<'_>,
        now: Duration,
    ) -> Result<Reservation, Refusal> {
        let result = self.try_reserve(order, now);
        match result {
            Ok(_) => {
                self.totals.granted += 1;
                self.totals.spent = self.totals.spent.saturating_add(order.cost);
            }
            Err(_) => self.totals.denied += 1,
        }
        result
    }

    /// Undoes a reservation. What has been forgotten since stays so.
    pub(crate) fn refund(&mut self, reservation: &Reservation) {
        let cost = reservation.cost;
        self.hour.remove(cost, reservation.minute);
        if let Some((workflow, birth)) = &reservation.line
            && let Some(line) = self.lines.get_mut(workflow)
            && line.birth == *birth
        {
            line.spent = line.spent.saturating_sub(cost);
        }
        self.totals.returned += 1;
        self.totals.spent = self.totals.spent.saturating_sub(cost);
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    pub(crate) fn spent_within_hour(&mut self, now: Duration) -> u64 {
        self.hour.spent(now)
    }

    pub(crate) fn spent_by(&self, workflow: &Workflow, now: Duration) -> u64 {
        let line = self.lines.get(workflow);
        line.filter(|line| !line.is_idle(self.limits.workflow_idle, now))
            .map_or(0, |line| line.spent)
    }

    /// What each workflow has spent that has not been idle for too long.
    pub(crate) fn lines(&self, now: Duration) -> impl Iterator<Item = (&Workflow, u64)> {
        let idle = self.limits.workflow_idle;
        let lines = self
            .lines
            .iter()
            .filter(move |(_, line)| !line.is_idle(idle, now));
        lines.map(|(workflow, line)| (workflow, line.spent))
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn forget(&mut self, workflow: &Workflow) {
        self.lines.remove(workflow);
    }

    fn try_reserve(&mut self, order: Order<'_>, now: Duration) -> Result<Reservation, Refusal> {
        let Order { cost, before, .. } = order;
        if exceeds(before, cost, self.limits.per_request) {
            return Err(Refusal {
                limit: Limit::PerRequest,
                used: before,
                most: self.limits.per_request,
                left: None,
                // Every request has a limit of its own, and is over with the first refusal.
                news: true,
            });
        }
        let spent = self.hour.spent(now);
        if exceeds(spent, cost, self.limits.per_hour) {
            let most = self.limits.per_hour;
            let room = most.checked_sub(cost);
            return Err(Refusal {
                limit: Limit::PerHour,
                used: spent,
                most,
                left: room.map(|room| self.hour.until_at_most(room, now)),
                news: is_news(&mut self.hour_refused, now),
            });
        }
        let line = match order.workflow {
            Some(workflow) => {
                let most = self.limits.per_workflow;
                let line = self.line(workflow, now)?;
                if exceeds(line.spent, cost, most) {
                    return Err(Refusal {
                        limit: Limit::PerWorkflow,
                        used: line.spent,
                        most,
                        left: None,
                        news: !std::mem::replace(&mut line.refused, true),
                    });
                }
                line.spent = line.spent.saturating_add(cost);
                Some((workflow.clone(), line.birth))
            }
            None => None,
        };
        Ok(Reservation {
            cost,
            minute: self.hour.add(cost, now),
            line,
        })
    }

    /// The line of a workflow, a new one where there is none or it has been idle.
    fn line(&mut self, workflow: &Workflow, now: Duration) -> Result<&mut Line, Refusal> {
        let idle = self.limits.workflow_idle;
        if !self.lines.contains_key(workflow) {
            self.make_room(now)?;
        }
        self.births += 1;
        let fresh = Line {
            birth: self.births,
            spent: 0,
            used_at: now,
            refused: false,
        };
        Ok(match self.lines.entry(workflow.clone()) {
            Entry::Vacant(entry) => entry.insert(fresh),
            Entry::Occupied(entry) => {
                let line = entry.into_mut();
                if line.is_idle(idle, now) {
                    *line = fresh;
                }
                line.used_at = line.used_at.max(now);
                line
            }
        })
    }

    /// Drops idle lines if the map is full. Where none is, the newcomer is refused: forgetting a
    /// workflow at work would lift its limit.
    fn make_room(&mut self, now: Duration) -> Result<(), Refusal> {
        let most = self.limits.max_workflows;
        if self.lines.len() < most {
            return Ok(());
        }
        if now >= self.next_sweep {
            let idle = self.limits.workflow_idle;
            self.lines.retain(|_, line| !line.is_idle(idle, now));
            let oldest = self.lines.values().map(|line| line.used_at).min();
            self.next_sweep = oldest.unwrap_or(now).saturating_add(idle);
        }
        if self.lines.len() < most {
            return Ok(());
        }
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Err(Refusal {
            limit: Limit::MaxWorkflows,
            used: count(self.lines.len()),
            most: count(most),
            left: Some(self.next_sweep.saturating_sub(now)),
            news: is_news(&mut self.full_refused, now),
        })
    }
}

impl Line {
    fn is_idle(&self, idle: Duration, now: Duration) -> bool {
        now.saturating_sub(self.used_at) >= idle
    }
}

fn exceeds(spent: u64, cost: u64, most: u64) -> bool {
    spent.saturating_add(cost) > most
}

fn is_news(refused: &mut Option<Duration>, now: Duration) -> bool {
    refused
        .replace(now)
        .is_none_or(|before| now.saturating_sub(before) >= Ledger::QUIET)
}
