use crate::rules::Rules;
use crate::tick::Tick;

/// The slots of a half-open circuit: as many probes, and as many verdicts, as the rules say.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    leases: Vec<Lease>,
    issued: u32,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
}

/// A probe in flight. One that takes longer than its lease may have hung, and loses its slot to the
/// next call that asks for it.
#[derive(Debug)]
struct Lease {
    id: u32,
    ends: Tick,
}

impl Probes {
    /// A slot for one more probe, as the id of its lease, if there is one.
    pub(crate) fn admit(&mut self, now: Tick, rules: &Rules) -> Option<u32> {
        if self.free(rules) == 0 {
            let first = self.leases.iter().position(|lease| lease.ends <= now)?;
            self.leases.remove(first);
        }
        // Never 0, which is no probe; an id comes again after 2^32 probes of one generation.
        self.issued = self.issued.checked_add(1).unwrap_or(1);
        self.leases.push(Lease {
            id: self.issued,
            ends: now.plus(rules.probe_lease),
        });
        Some(self.issued)
    }

    /// Whether [`Probes::admit`] would give a slot.
    pub(crate) fn has_room(&self, now: Tick, rules: &Rules) -> bool {
        self.free(rules) > 0 || self.leases.iter().any(|lease| lease.ends <= now)
    }

    /// Ends a lease. False if it had been given to somebody else.
    pub(crate) fn give_back(&mut self, id: u32) -> bool {
        let held = self.leases.iter().position(|lease| lease.id == id);
        held.is_some_and(|position| {
            self.leases.remove(position);
            true
        })
    }

    pub(crate) fn renew(&mut self, id: u32, now: Tick, rules: &Rules) {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id) {
            lease.ends = now.plus(rules.probe_lease);
        }
    }

    /// Slots that neither a probe in flight nor a verdict has used up.
    fn free(&self, rules: &Rules) -> usize {
        let verdicts = (self.successes + self.failures) as usize;
        (rules.probes as usize).saturating_sub(verdicts + self.leases.len())
    }
}
