//! What goes wrong, and what should come of it.

use std::time::Duration;

use http::StatusCode;
use tower_steady::Steady;
use tower_steady::retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Script};

/// A bad day of the provider and the calls that meet it.
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    pub(crate) moral: &'static str,
    pub(crate) provider: ProviderIs,
    pub(crate) stack: fn() -> Steady,
    pub(crate) calls: Vec<Call>,
}

/// How the provider behaves.
pub(crate) enum ProviderIs {
    /// Listening, and answering to this script.
    Playing(Script),
    /// Not even listening.
    Down,
}

/// One call of the client, and what should come of it.
pub(crate) struct Call {
    /// How long the client waits before it makes the call.
    pub(crate) after: Duration,
    /// How many requests the stack should send for it.
    pub(crate) sends: usize,
    /// What the client should get in the end.
    pub(crate) answer: Expected,
}

/// The end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// An answer of the provider with this status.
    Status(StatusCode),
    /// An error: nothing came back, or the call was refused here.
    Error,
}

impl Call {
    const fn new(sends: usize, answer: Expected) -> Self {
        Self {
            after: Duration::ZERO,
            sends,
            answer,
        }
    }

    const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

const OK: Expected = Expected::Status(StatusCode::OK);

/// All scenarios, in the order in which they are played.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        one_call(
            "a rate limit that names a time",
            "the server's wait is a floor, and jitter is added to it",
            Script::new([
                Answer::rate_limited().retry_after(2),
                Answer::ok_chat("Hello"),
            ]),
            Call::new(2, OK),
        ),
        one_call(
            "overloaded for a moment",
            "529 is Anthropic's word for it",
            Script::new([Answer::overloaded(), Answer::ok_message("Hello")]),
            Call::new(2, OK),
        ),
        one_call(
            "a malformed prompt",
            "it will be malformed the next time too",
            Script::from(Answer::invalid_request()),
            Call::new(1, Expected::Status(StatusCode::BAD_REQUEST)),
        ),
        one_call(
            "a wrong key",
            "this wants a person, not a retry",
            Script::from(Answer::unauthorized()),
            Call::new(1, Expected::Status(StatusCode::UNAUTHORIZED)),
        ),
        one_call(
            "an exhausted quota",
            "a 429 like a rate limit's, but the body says that waiting does not help",
            Script::from(Answer::insufficient_quota()),
            Call::new(1, Expected::Status(StatusCode::TOO_MANY_REQUESTS)),
        ),
        Scenario {
            title: "nobody listens",
            moral: "a refused connection is tried twice more",
            provider: ProviderIs::Down,
            stack: Steady::interactive,
            calls: vec![Call::new(3, Expected::Error)],
        },
        outage(),
        brownout(),
    ]
}

fn one_call(title: &'static str, moral: &'static str, script: Script, call: Call) -> Scenario {
    Scenario {
        title,
        moral,
        provider: ProviderIs::Playing(script),
        stack: Steady::interactive,
        calls: vec![call],
    }
}

/// Ten failures in a row open the circuit; while it is open nothing is sent; a probe closes it.
fn outage() -> Scenario {
    let down = Expected::Status(StatusCode::SERVICE_UNAVAILABLE);
    Scenario {
        title: "an outage",
        moral: "the tenth failure in a row opens the circuit; seconds later one probe closes it",
        provider: ProviderIs::Playing(
            Script::new([] as [Answer; 0])
                .times(10, Answer::unavailable())
                .then(Answer::ok_chat("Hello")),
        ),
        stack: Steady::interactive,
        calls: vec![
            Call::new(3, down),
            Call::new(3, down),
            Call::new(3, down),
            Call::new(1, down),
            Call::new(0, Expected::Error),
            Call::new(1, OK).after(Duration::from_secs(10)),
            Call::new(1, OK),
        ],
    }
}

/// Two of three requests fail, which never opens the circuit; the budget ends the retries.
fn brownout() -> Scenario {
    let failed = Expected::Status(StatusCode::INTERNAL_SERVER_ERROR);
    Scenario {
        title: "a brownout that outlasts the budget",
        moral: "three retries are in the purse and a success earns a tenth of one: after that, one send a call",
        provider: ProviderIs::Playing(
            Script::new([Answer::server_error(), Answer::ok_chat("Hello")]).again(),
        ),
        stack: || {
            let small_purse = RetryBudgetLayer::builder()
                .capacity(3.0)
                .reserve_per_second(0.0)
                .build()
                .expect("a valid budget");
            Steady::interactive().with_budget(small_purse)
        },
        calls: vec![
            Call::new(2, OK),
            Call::new(2, OK),
            Call::new(2, OK),
            Call::new(1, failed),
            Call::new(1, OK),
            Call::new(1, failed),
        ],
    }
}
