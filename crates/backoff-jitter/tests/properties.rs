//! What holds for every script and every configuration.

mod common;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};
use tower_steady_backoff_jitter::{
    Jitter, MaxAttempts, NonIdempotent, Plan, RetryBuilder, RetryLayer, Schedule,
};
use tower_steady_core::{
    Attempt, BoxError, Class, Deadline, Failure, Outcome, Report, Veto, VetoReason,
};

use self::common::{Answer, Body, Counter, request};

/// One tick of the timer, which rounds up.
const TICK: Duration = Duration::from_millis(1);

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::MAX),
        Just(Duration::from_secs(u64::MAX / 2)),
        // Whole seconds have hidden bugs before: tower's backoff scales the fraction on its own.
        (0..100u64).prop_map(Duration::from_secs),
        (0..10_000_000_000u64).prop_map(Duration::from_nanos),
    ]
}

fn jitters() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        durations().prop_map(Jitter::Additive),
        Just(Jitter::Decorrelated),
    ]
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let factor = prop_oneof![Just(1.0), Just(2.0), 1.0..10.0f64, Just(f64::MAX)];
    let shape = prop_oneof![
        durations().prop_map(Schedule::fixed),
        (durations(), durations()).prop_map(|(base, step)| Schedule::linear(base, step)),
        (durations(), factor).prop_map(|(base, by)| Schedule::exponential_by(base, by)),
    ];
    (shape, proptest::option::of(durations())).prop_map(|(schedule, cap)| match cap {
        Some(cap) => schedule.cap(cap),
        None => schedule,
    })
}

fn retries() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..40u32,
        Just(u32::MAX),
        Just(u32::MAX - 1),
        Just(1 << 31),
        any::<u32>()
    ]
}

proptest! {
    #[test]
    fn a_window_grows_up_to_its_cap(schedule in schedules(), retry in retries()) {
        let window = schedule.window(retry);
        prop_assert!(window <= schedule.window(retry.saturating_add(1)));
        let cap = Duration::from_secs(30);
        prop_assert!(schedule.cap(cap).window(retry) <= cap);
    }

    #[test]
    fn a_delay_keeps_its_bounds_whatever_the_numbers(
        schedule in schedules(),
        jitter in jitters(),
        retry in retries(),
        previous in durations(),
        floor in durations(),
        random in any::<u64>(),
    ) {
        let plan = Plan::new(schedule, 3).jitter(jitter);
        let window = schedule.window(retry);
        let delay = plan.delay(retry, previous, random);
        match jitter {
            Jitter::None => prop_assert_eq!(delay, window),
            Jitter::Full => prop_assert!(delay <= window),
            Jitter::Equal => prop_assert!((window / 2..=window).contains(&delay)),
            Jitter::Additive(most) => {
                prop_assert!((window..=window.saturating_add(most)).contains(&delay));
            }
            _ => {}
        }
        prop_assert!(plan.delay_after(floor, retry, previous, random) >= floor);
        prop_assert!(plan.first_at_once().delay(1, previous, random).is_zero());
    }

    #[test]
    fn no_configuration_panics(
        schedule in schedules(),
        jitter in jitters(),
        attempts in any::<u32>(),
        total in any::<u32>(),
        times in [durations(), durations(), durations(), durations()],
    ) {
        let [cap, wait_cap, min_wait, min_attempt] = times;
        let built = RetryLayer::builder()
            .max_attempts(total)
            .plan(Class::Overloaded, Plan::new(schedule, attempts))
            .jitter(jitter)
            .cap(cap)
            .wait_cap(wait_cap)
            .min_wait(min_wait)
            .min_attempt(min_attempt)
            .build();
        if built.is_ok() {
            prop_assert!((1..=1000).contains(&total) && attempts > 0);
            prop_assert!(min_wait <= wait_cap && !cap.is_zero());
        }
    }
}

/// One try of a script.
#[derive(Clone, Debug)]
struct Step {
    end: End,
    wait: Option<Duration>,
    takes: Duration,
    gated: bool,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Status { status: u16, whole: bool },
    Error { sent: bool },
    Rejected,
}

fn steps() -> impl Strategy<Value = Step> {
    let status = prop_oneof![
        4 => Just(429u16),
        3 => prop_oneof![Just(500u16), Just(502), Just(503), Just(504), Just(529), Just(409)],
        1 => prop_oneof![Just(200u16), Just(400), Just(501)],
    ];
    let end = prop_oneof![
        6 => (status, any::<bool>()).prop_map(|(status, whole)| End::Status { status, whole }),
        2 => any::<bool>().prop_map(|sent| End::Error { sent }),
        1 => Just(End::Rejected),
    ];
    let takes = (0..3_000u64).prop_map(Duration::from_millis);
    (end, proptest::option::of(durations()), takes, any::<bool>()).prop_map(
        |(end, wait, takes, gated)| Step {
            end,
            wait,
            takes,
            gated,
        },
    )
}

/// What a try saw, and how it ended.
#[derive(Debug)]
struct Try {
    began: Instant,
    ended: Instant,
    note: Option<Attempt>,
    step: Step,
}

#[derive(Clone)]
struct World {
    script: Arc<Mutex<VecDeque<Step>>>,
    tries: Arc<Mutex<Vec<Try>>>,
    gate: Arc<Counter>,
}

impl World {
    async fn play(self, request: Request<Body>) -> Answer {
        let began = Instant::now();
        let step = self.script.lock().unwrap().pop_front().unwrap_or(Step {
            end: End::Status {
                status: 200,
                whole: true,
            },
            wait: None,
            takes: Duration::ZERO,
            gated: false,
        });
        // As the attempt timer of a full stack does, no try outlives the deadline.
        let ends = match Deadline::of(request.extensions()) {
            Some(deadline) => (began + step.takes).min(deadline.instant().into()),
            None => began + step.takes,
        };
        tokio::time::sleep_until(ends.max(began)).await;
        let mut answer = match step.end {
            End::Status { status, .. } => Ok(Response::builder()
                .status(status)
                .body(Body::default())
                .unwrap()),
            End::Error { sent } => {
                let mut outcome = Outcome::new(Class::Transport);
                outcome.sent = sent;
                Err(BoxError::from(Failure::new(outcome, "scripted")))
            }
            End::Rejected => {
                let veto = Veto::new(VetoReason::CircuitOpen);
                Err(Failure::new(Outcome::rejected(veto), "scripted").into())
            }
        };
        if Outcome::class_of(&answer) != Class::Success {
            Outcome::amend(&mut answer, |outcome| {
                outcome.wait = step.wait;
                if let End::Status { whole, .. } = step.end {
                    outcome.whole = whole;
                }
                if step.gated && outcome.may_retry() {
                    outcome.add_gate(self.gate);
                }
            });
        }
        let note = request.extensions().get().copied();
        let ended = Instant::now();
        self.tries.lock().unwrap().push(Try {
            began,
            ended,
            note,
            step,
        });
        answer
    }

    fn sent(&self) -> usize {
        let tries = self.tries.lock().unwrap();
        tries
            .iter()
            .filter(|try_| !matches!(try_.step.end, End::Rejected))
            .count()
    }
}

#[derive(Clone, Debug)]
struct Case {
    script: Vec<Step>,
    total: u32,
    lowered: Option<u32>,
    deadline: Option<Duration>,
    non_idempotent: bool,
    tokens: isize,
    nested: usize,
    jitter: Jitter,
    seed: u64,
    /// When the call is dropped, if it is.
    dropped: Option<Duration>,
}

fn cases() -> impl Strategy<Value = Case> {
    let times = || (0..60_000u64).prop_map(Duration::from_millis);
    let numbers = (
        1..8u32,
        proptest::option::of(0..8u32),
        0..6isize,
        1..3usize,
        any::<u64>(),
    );
    let notes = (proptest::option::of(times()), prop::bool::weighted(0.2));
    let dropped = proptest::option::weighted(0.3, times());
    // No more than the cap, past which no loop is built.
    let jitter = jitters().prop_map(|jitter| match jitter {
        Jitter::Additive(most) => Jitter::Additive(most.min(Duration::from_secs(20))),
        other => other,
    });
    (vec(steps(), 0..8), numbers, notes, jitter, dropped).prop_map(
        |(script, (total, lowered, tokens, nested, seed), notes, jitter, dropped)| Case {
            script,
            total,
            lowered,
            deadline: notes.0,
            non_idempotent: notes.1,
            tokens,
            nested,
            jitter,
            seed,
            dropped,
        },
    )
}

fn layer(case: &Case) -> RetryLayer {
    let plans = |builder: RetryBuilder, class| {
        let schedule = Schedule::exponential(Duration::from_millis(200));
        builder.plan(class, Plan::new(schedule, case.total))
    };
    let builder = RetryLayer::builder()
        .max_attempts(case.total)
        .jitter(case.jitter);
    Class::ALL
        .into_iter()
        .fold(builder, plans)
        .seed(case.seed)
        .build()
        .unwrap()
}

async fn check(case: Case) -> Result<(), TestCaseError> {
    let start = Instant::now();
    let gate = Counter::new(case.tokens);
    let world = World {
        script: Arc::new(Mutex::new(case.script.clone().into())),
        tries: Arc::default(),
        gate: Arc::clone(&gate),
    };
    let provider = {
        let world = world.clone();
        tower::service_fn(move |request| world.clone().play(request))
    };
    let mut request = request();
    let extensions = request.extensions_mut();
    if let Some(left) = case.deadline {
        extensions.insert(Deadline::at((start + left).into_std()));
    }
    if let Some(lowered) = case.lowered {
        extensions.insert(MaxAttempts(lowered));
    }
    if case.non_idempotent {
        extensions.insert(NonIdempotent);
    }
    let inner = (case.nested == 2).then(|| layer(&case));
    let service = ServiceBuilder::new()
        .layer(layer(&case))
        .option_layer(inner)
        .service(provider);
    let call = service.oneshot(request);
    let dropped = case.dropped.unwrap_or(Duration::MAX);
    let answer = tokio::time::timeout(dropped, call).await.ok();
    let took = start.elapsed();

    let tries = world.tries.lock().unwrap();
    let limit = case
        .lowered
        .map_or(case.total, |lowered| lowered.clamp(1, case.total));
    prop_assert!(
        tries.len() <= limit as usize,
        "{} tries, limit {limit}",
        tries.len()
    );

    for pair in tries.windows(2) {
        let [before, after] = pair else {
            unreachable!()
        };
        let waited = after.began - before.ended;
        if let Some(wait) = before.step.wait {
            prop_assert!(waited >= wait, "waited {waited:?}, asked {wait:?}");
            prop_assert!(wait <= Duration::from_secs(60));
        }
        if case.non_idempotent {
            let unprocessed = matches!(before.step.end, End::Error { sent: false });
            prop_assert!(unprocessed, "repeated after {before:?}");
        }
        if let Some(left) = case.deadline {
            prop_assert!(after.began + Duration::from_millis(250) <= start + left);
        }
    }
    if let Some(left) = case.deadline {
        prop_assert!(took <= left + TICK, "{took:?} of {left:?}");
    }

    // Grants: as many as retries that were sent, and nobody holds one, or the gate, any more.
    let through_gate =
        |try_: &[Try]| try_[0].step.gated && !matches!(try_[1].step.end, End::Rejected);
    let sent = tries.windows(2).filter(|pair| through_gate(pair)).count();
    if answer.is_some() {
        prop_assert_eq!(gate.spent(), sent);
    } else {
        // One more may have been in flight when the call was dropped.
        prop_assert!((sent..=sent + 1).contains(&gate.spent()));
    }
    prop_assert!(tries.iter().skip(1).all(|try_| try_.note.is_some()));
    drop(tries);

    let Some(answer) = answer else {
        return Ok(());
    };
    let report = Report::of(&answer);
    match Outcome::class_of(&answer) {
        Class::Success => {
            let sends = report.map_or(1, Report::sends);
            prop_assert_eq!(sends, world.sent());
        }
        _ => {
            prop_assert_eq!(report.map(Report::sends), Some(world.sent()));
            let outcome = Outcome::note(&answer).unwrap();
            prop_assert!(!outcome.may_retry(), "given up without a veto: {outcome:?}");
            let mut outcome = outcome.clone();
            prop_assert!(outcome.take_gate().is_none(), "the caller sees a gate");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_call_keeps_its_promises(case in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check(case))?;
    }
}
