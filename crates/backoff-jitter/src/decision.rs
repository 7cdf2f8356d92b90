use std::time::Duration;

use tower_steady_core::{Rounded, Veto, VetoReason};

use crate::Plan;

/// The limits that hold for every class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A server's wait is at least this.
    pub(crate) min_wait: Duration,
    /// A longer wait of the server's ends the call.
    pub(crate) wait_cap: Duration,
    /// The shortest try that is worth sending.
    pub(crate) min_attempt: Duration,
}

impl Limits {
    /// What must be left when the try goes out. Less than was counted on when it was decided, for a
    /// timer and a service that gets ready may both be late.
    pub(crate) fn slack(&self) -> Duration {
        self.min_attempt / 2
    }
}

/// What the decision is made from, once the request is known to be repeatable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The server's wait.
    pub(crate) wait: Option<Duration>,
    /// How many tries failed under this plan, this one included.
    pub(crate) failures: u32,
    /// How many tries there were in all, this one included.
    pub(crate) tries: u32,
    /// How many there may be.
    pub(crate) max_attempts: u32,
    /// The time to the caller's deadline.
    pub(crate) left: Option<Duration>,
    /// The jittered part of the delay before the last try.
    pub(crate) previous: Duration,
    /// One number, uniform over all of `u64`.
    pub(crate) random: u64,
}

/// How long to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) delay: Duration,
    /// The part of it that the schedule made.
    pub(crate) backoff: Duration,
}

/// The next try of a failed call under its plan, or why there is none. All but the gate, which is
/// asked last, when this has said yes.
pub(crate) fn decide(plan: &Plan, limits: &Limits, facts: &Facts) -> Result<Pause, Veto> {
    if facts.failures >= plan.max_attempts() || facts.tries >= facts.max_attempts {
        return Err(attempts(facts.tries));
    }
    let pause = match floor(limits, facts.wait)? {
        Some(floor) => {
            let delay = plan.delay_after(floor, facts.failures, facts.previous, facts.random);
            Pause {
                delay,
                backoff: delay.saturating_sub(floor),
            }
        }
        None => {
            let delay = plan.delay(facts.failures, facts.previous, facts.random);
            Pause {
                delay,
                backoff: delay,
            }
        }
    };
    in_time(limits, facts, pause)
}

/// The same for a repaired request: it is another request, so it goes at once and by no class's plan,
/// unless the server asked for a wait.
pub(crate) fn decide_repair(plan: &Plan, limits: &Limits, facts: &Facts) -> Result<Pause, Veto> {
    if facts.tries >= facts.max_attempts {
        return Err(attempts(facts.tries));
    }
    let delay = match floor(limits, facts.wait)? {
        Some(floor) => plan.delay_after(floor, 1, facts.previous, facts.random),
        None => Duration::ZERO,
    };
    let backoff = facts.previous;
    in_time(limits, facts, Pause { delay, backoff })
}

/// Whether enough time is left when a try can go out.
pub(crate) fn in_time_still(limits: &Limits, left: Duration) -> Result<(), Veto> {
    if left.is_zero() || left < limits.slack() {
        return Err(too_late(limits, left));
    }
    Ok(())
}

/// So little time is left that a try would be for nothing.
pub(crate) fn too_late(limits: &Limits, left: Duration) -> Veto {
    Veto::new(VetoReason::Deadline).detail(format!(
        "a try needs {}, {} left",
        Rounded(limits.min_attempt),
        Rounded(left)
    ))
}

pub(crate) fn attempts(tries: u32) -> Veto {
    Veto::new(VetoReason::Attempts).detail(match tries {
        1 => "1 attempt made".to_owned(),
        tries => format!("{tries} attempts made"),
    })
}

fn floor(limits: &Limits, wait: Option<Duration>) -> Result<Option<Duration>, Veto> {
    match wait {
        Some(wait) if wait > limits.wait_cap => Err(Veto::new(VetoReason::WaitOverCap)
            .left(wait)
            .detail(format!("the cap is {}", Rounded(limits.wait_cap)))),
        Some(wait) => Ok(Some(wait.max(limits.min_wait))),
        None => Ok(None),
    }
}

fn in_time(limits: &Limits, facts: &Facts, pause: Pause) -> Result<Pause, Veto> {
    let Some(left) = facts.left else {
        return Ok(pause);
    };
    if !left.is_zero() && pause.delay.saturating_add(limits.min_attempt) <= left {
        return Ok(pause);
    }
    let veto = Veto::new(VetoReason::Deadline).detail(format!(
        "a wait of {} and a try of {} need more than the {} left",
        Rounded(pause.delay),
        Rounded(limits.min_attempt),
        Rounded(left)
    ));
    Err(match facts.wait {
        Some(wait) => veto.left(wait),
        None => veto,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Jitter, Schedule};

    const SECOND: Duration = Duration::from_secs(1);

    const LIMITS: Limits = Limits {
        min_wait: Duration::ZERO,
        wait_cap: Duration::from_secs(60),
        min_attempt: SECOND,
    };

    const FACTS: Facts = Facts {
        wait: None,
        failures: 1,
        tries: 1,
        max_attempts: 5,
        left: None,
        previous: Duration::ZERO,
        random: u64::MAX,
    };

    fn plan() -> Plan {
        Plan::new(Schedule::exponential(SECOND), 3).jitter(Jitter::None)
    }

    fn reason(result: Result<Pause, Veto>) -> Option<VetoReason> {
        result.err().map(|veto| veto.reason())
    }

    #[test]
    fn a_veto_tells_its_times_as_a_person_reads_them() {
        let left = Some(Duration::from_nanos(1_234_567_891));
        let veto = decide(&plan(), &LIMITS, &Facts { left, ..FACTS }).unwrap_err();
        assert_eq!(
            veto.to_string(),
            "deadline (a wait of 1s and a try of 1s need more than the 1.2s left)"
        );
    }

    #[test]
    fn each_limit_has_its_edge() {
        let attempts = Some(VetoReason::Attempts);
        let deadline = Some(VetoReason::Deadline);
        let over_cap = Some(VetoReason::WaitOverCap);
        let wait = |seconds| Facts {
            wait: Some(seconds * SECOND),
            ..FACTS
        };
        let left = |left| Facts {
            left: Some(left),
            ..FACTS
        };
        for (facts, expected) in [
            (FACTS, None),
            (
                Facts {
                    failures: 2,
                    ..FACTS
                },
                None,
            ),
            (
                Facts {
                    failures: 3,
                    ..FACTS
                },
                attempts,
            ),
            (Facts { tries: 4, ..FACTS }, None),
            (Facts { tries: 5, ..FACTS }, attempts),
            // Sends of a loop below count, and may be more than are allowed here.
            (Facts { tries: 9, ..FACTS }, attempts),
            (wait(60), None),
            (wait(61), over_cap),
            (left(2 * SECOND), None),
            (left(2 * SECOND - Duration::from_nanos(1)), deadline),
            (left(Duration::ZERO), deadline),
            // In this order.
            (
                Facts {
                    failures: 3,
                    left: Some(Duration::ZERO),
                    ..wait(61)
                },
                attempts,
            ),
            (
                Facts {
                    left: Some(Duration::ZERO),
                    ..wait(61)
                },
                over_cap,
            ),
        ] {
            assert_eq!(
                reason(decide(&plan(), &LIMITS, &facts)),
                expected,
                "{facts:?}"
            );
        }
    }

    #[test]
    fn a_deadline_that_has_passed_admits_nothing_however_short() {
        let limits = Limits {
            min_attempt: Duration::ZERO,
            ..LIMITS
        };
        let plan = Plan::new(Schedule::fixed(Duration::ZERO), 3);
        for (left, admitted) in [(Duration::ZERO, false), (Duration::from_nanos(1), true)] {
            let facts = Facts {
                left: Some(left),
                ..FACTS
            };
            assert_eq!(decide(&plan, &limits, &facts).is_ok(), admitted);
            assert_eq!(decide_repair(&plan, &limits, &facts).is_ok(), admitted);
            assert_eq!(in_time_still(&limits, left).is_ok(), admitted);
        }
    }

    /// Only the backoff's part of a delay feeds the next one: a server's wait does not widen the
    /// window of decorrelated jitter.
    #[test]
    fn the_servers_wait_is_no_backoff() {
        let plan = plan().jitter(Jitter::Full);
        let facts = Facts {
            wait: Some(20 * SECOND),
            ..FACTS
        };
        let pause = decide(&plan, &LIMITS, &facts).unwrap();
        assert_eq!(pause.delay - pause.backoff, 20 * SECOND);
        assert!(pause.backoff <= SECOND);
    }

    #[test]
    fn a_repair_is_bound_by_the_total_and_by_no_plan() {
        let never = Plan::never();
        assert!(decide(&never, &LIMITS, &FACTS).is_err());
        let pause = decide_repair(&never, &LIMITS, &FACTS).unwrap();
        assert_eq!(pause.delay, Duration::ZERO);
        let facts = Facts { tries: 5, ..FACTS };
        let refused = decide_repair(&never, &LIMITS, &facts);
        assert_eq!(reason(refused), Some(VetoReason::Attempts));
    }

    #[test]
    fn hostile_numbers_saturate() {
        let facts = Facts {
            wait: Some(Duration::MAX),
            failures: u32::MAX - 1,
            tries: u32::MAX - 1,
            max_attempts: u32::MAX,
            left: Some(Duration::MAX),
            previous: Duration::MAX,
            random: u64::MAX,
        };
        let limits = Limits {
            min_wait: Duration::MAX,
            wait_cap: Duration::MAX,
            min_attempt: Duration::ZERO,
        };
        for jitter in [
            Jitter::None,
            Jitter::Full,
            Jitter::Equal,
            Jitter::Additive(Duration::MAX),
            Jitter::Decorrelated,
        ] {
            let plan = Plan::new(Schedule::exponential(SECOND), u32::MAX).jitter(jitter);
            let pause = decide(&plan, &limits, &facts).unwrap();
            assert_eq!(pause.delay, Duration::MAX);
        }
    }
}
