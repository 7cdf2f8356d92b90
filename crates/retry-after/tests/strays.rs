//! A few refusals among many successes, each by chance and none for a limit, on the paused clock.

use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_steady_core::{Deadline, Failure, Seeds};
use tower_steady_retry_after::{PauseLayer, Paused, RetryAfterLayer};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
/// How long calls are made.
const TIME: Duration = Duration::from_secs(30);
const CALLERS: usize = 256;

/// A provider that refuses one call in a hundred, by chance.
#[derive(Clone, Copy, Debug)]
struct Chance {
    /// What it asks of whom it refuses.
    wait: Option<u64>,
    /// A success takes half to one and a half times this.
    latency: Duration,
    /// What a refusal takes; the same as a success if none.
    refusal: Option<Duration>,
    seed: u64,
}

impl Chance {
    fn provider(
        self,
    ) -> impl Service<Request<()>, Response = Response<()>, Error = BoxError, Future: Sized> + Clone
    {
        let random = Rc::new(Seeds::fixed(self.seed));
        let inner = service_fn(move |_: Request<()>| {
            let (refused, spread) = (random.draw().is_multiple_of(100), random.draw() % 1024);
            let success = self.latency * (512 + u32::try_from(spread).unwrap()) / 1024;
            async move {
                let mut response = Response::builder();
                let refusal = self.refusal.filter(|_| refused);
                sleep(refusal.unwrap_or(success)).await;
                if refused {
                    response = response.status(429);
                }
                if let (true, Some(wait)) = (refused, self.wait) {
                    response = response.header("retry-after", wait);
                }
                Ok::<_, BoxError>(response.body(()).unwrap())
            }
        });
        RetryAfterLayer::new().layer(inner)
    }
}

/// What a crowd got.
#[derive(Debug)]
struct Seen {
    good: usize,
    /// How many the pause refused.
    paused: usize,
    /// All but one in a hundred of the good took no longer.
    most: Duration,
}

/// A fixed number of callers, each with one call after the other, and `patience` for each of them.
async fn crowd<S>(service: S, patience: Duration) -> Seen
where
    S: Service<Request<()>, Response = Response<()>> + Clone + 'static,
    S::Error: Into<BoxError>,
{
    let (began, local) = (Instant::now(), LocalSet::new());
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let service = service.clone();
            local.spawn_local(async move {
                let (mut took, mut paused) = (Vec::new(), 0);
                while began.elapsed() < TIME {
                    let mut request = Request::get("https://api.example/v1").body(()).unwrap();
                    let start = Instant::now();
                    let deadline = Deadline::at((start + patience).into_std());
                    request.extensions_mut().insert(deadline);
                    match service.clone().oneshot(request).await {
                        Ok(answer) if answer.status() == StatusCode::OK => {
                            took.push(start.elapsed());
                        }
                        Ok(_) => {}
                        Err(error) => {
                            let error = error.into();
                            let failure = Failure::find(&*error).expect("a failure");
                            assert!(failure.find_source::<Paused>().is_some());
                            paused += 1;
                        }
                    }
                    // A caller has other things to do; and the clock must move.
                    sleep(MILLI).await;
                }
                (took, paused)
            })
        })
        .collect();
    local.await;
    let (mut took, mut paused) = (Vec::new(), 0);
    for caller in callers {
        let seen = caller.await.unwrap();
        took.extend(seen.0);
        paused += seen.1;
    }
    took.sort();
    Seen {
        good: took.len(),
        paused,
        most: took[took.len() * 99 / 100],
    }
}

/// The same crowd, without a pause and with one.
async fn both(chance: Chance) -> [Seen; 2] {
    let patience = 2 * chance.latency + 8 * SECOND;
    let free = crowd(chance.provider(), patience).await;
    let ours = crowd(PauseLayer::new().layer(chance.provider()), patience).await;
    println!("{chance:?}\n  {free:?}\n  {ours:?}");
    [free, ours]
}

fn chances(wait: Option<u64>) -> impl Iterator<Item = Chance> {
    let latencies = [300 * MILLI, SECOND, 8 * SECOND].into_iter();
    latencies.flat_map(move |latency| {
        [(None, 1), (Some(20 * MILLI), 2)].map(|(refusal, seed)| Chance {
            wait,
            latency,
            refusal,
            seed,
        })
    })
}

#[tokio::test(start_paused = true)]
async fn refusals_by_chance_that_ask_for_no_time_cost_next_to_nothing() {
    for chance in chances(Some(0)) {
        let [free, ours] = both(chance).await;
        assert_eq!(ours.paused, 0, "{chance:?}");
        let kept = ours.good as f64 / free.good as f64;
        assert!(kept >= 0.9, "{kept} with {chance:?}");
        assert!(ours.most <= 2 * free.most, "{ours:?}, {free:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_without_a_wait_cost_nothing() {
    for chance in chances(None) {
        let [free, ours] = both(chance).await;
        assert_eq!((ours.paused, ours.good), (0, free.good), "{chance:?}");
    }
}

/// All stand still for as long as the server asked for, two or three times a second; but nobody is
/// turned away.
#[tokio::test(start_paused = true)]
async fn refusals_by_chance_that_ask_for_a_second_cost_that_time_and_no_call() {
    for chance in chances(Some(1)) {
        let [free, ours] = both(chance).await;
        assert_eq!(ours.paused, 0, "{chance:?}");
        assert!(
            ours.good >= 50 * 30 || ours.good >= free.good * 8 / 10,
            "{ours:?}"
        );
    }
}
