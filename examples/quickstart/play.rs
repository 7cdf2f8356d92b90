//! Plays a scenario twice: through the stack, and through the loop that most programs have.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_steady_testkit::{Provider, Server};

use crate::client::{self, BoxError};
use crate::scenarios::{Expected, ProviderIs, Scenario};
use crate::{naive, timeline};

/// What a scenario cost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bill {
    /// Requests sent.
    pub(crate) sends: usize,
    /// Input tokens that the provider received, at four bytes a token.
    pub(crate) tokens: usize,
    /// How long the callers waited.
    pub(crate) waited: Duration,
}

/// A scenario that was played through the stack.
pub(crate) struct Played {
    pub(crate) bill: Bill,
    pub(crate) as_expected: bool,
}

pub(crate) async fn through_the_stack(scenario: &Scenario) -> Result<Played, BoxError> {
    let server = start(scenario).await?;
    let client = client::with((scenario.stack)());
    let mut bill = Bill::default();
    let listens = matches!(scenario.provider, ProviderIs::Playing(_));
    let mut as_expected = true;
    for (number, call) in scenario.calls.iter().enumerate() {
        sleep(call.after).await;
        let start = Instant::now();
        let before = server.calls().len();
        let answer = client.clone().oneshot(client::request(&server.url())).await;
        bill.waited += start.elapsed();

        let sends = timeline::sends(&answer);
        let received = server.calls().len() - before;
        let mut wrong = Vec::new();
        if sends != call.sends {
            wrong.push(format!("{sends} sends instead of {}", call.sends));
        }
        if listens && received != sends {
            wrong.push(format!(
                "the provider received {received} requests, not {sends}"
            ));
        }
        let end = timeline::end(&answer);
        if end != call.answer {
            wrong.push(format!("{end} instead of {}", call.answer));
        }
        let times = (call.after > Duration::ZERO).then_some(call.after);
        timeline::print(number + 1, times, &answer, start.elapsed());
        for wrong in &wrong {
            println!("   !! {wrong}");
        }
        as_expected &= wrong.is_empty();
        bill.sends += sends;
    }
    bill.tokens = tokens(&server);
    Ok(Played { bill, as_expected })
}

pub(crate) async fn through_a_naive_loop(scenario: &Scenario) -> Result<Bill, BoxError> {
    let server = start(scenario).await?;
    let client = client::bare();
    let mut bill = Bill::default();
    for call in &scenario.calls {
        sleep(call.after).await;
        let start = Instant::now();
        bill.sends += naive::call(&client, || client::request(&server.url())).await;
        bill.waited += start.elapsed();
    }
    bill.tokens = tokens(&server);
    Ok(bill)
}

async fn start(scenario: &Scenario) -> Result<Server, BoxError> {
    match &scenario.provider {
        ProviderIs::Playing(script) => Ok(Provider::new(script.clone()).serve().await?),
        ProviderIs::Down => {
            let server = Provider::new(tower_steady_testkit::Answer::ok_chat("Hello"))
                .serve()
                .await?;
            server.kill().await;
            Ok(server)
        }
    }
}

fn tokens(server: &Server) -> usize {
    const BYTES_A_TOKEN: usize = 4;
    let bytes: usize = server.calls().iter().map(|call| call.body.len()).sum();
    bytes / BYTES_A_TOKEN
}

impl AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        self.sends += other.sends;
        self.tokens += other.tokens;
        self.waited += other.waited;
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.waited.as_secs_f64();
        write!(f, "{:>8} {:>8} {seconds:>9.1}", self.sends, self.tokens)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "an answer with status {}", status.as_u16()),
            Self::Error => f.write_str("an error"),
        }
    }
}
