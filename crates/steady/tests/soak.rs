//! Ten thousand calls through an axum application on loopback, 256 at a time, one in twenty meeting a
//! fault, and an outage in the middle: no answer is lost, doubled or mixed up, and no memory is kept.
//!
//! Callers, application and provider share one thread and one paused clock, so that waits take no
//! time and every byte that is allocated is counted. A rate limit is not among the faults: it is no
//! matter of one call, and the pause would stop them all.

mod serve;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use serve::serve;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceBuilder;
use tower_steady::circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer, State, Transition};
use tower_steady::{ServiceBuilderExt, Steady};
use tower_steady_testkit::{Answer, Provider, Script, Server, client};

const CALLERS: usize = 256;
const ROUND: usize = 2_500;
const ROUNDS: usize = 4;
/// The round in which the provider is killed and brought back.
const OUTAGE: usize = 2;
/// The call after the last one, which no caller makes.
const EXTRA: usize = ROUND * ROUNDS;
/// How many bytes a round may leave behind. A word for each call would be 20,000; what this leaves
/// room for is the deque of a timer or a list of tasks that has grown by a step.
const TOLERANCE: i64 = 4096;

/// What the first send of a call meets, for one call in twenty.
fn fault(id: usize) -> Option<Answer> {
    let which = (id % 20 == 7).then_some(id / 20 % 6)?;
    Some(match which {
        0 => Answer::unavailable(),
        1 => Answer::server_error(),
        2 => Answer::overloaded(),
        3 => Answer::reset(),
        4 => Answer::closed(),
        _ => Answer::ok_chat("torn").cut_in_head(20),
    })
}

/// What the provider has done for each call.
#[derive(Clone, Copy, Default)]
struct Done {
    sends: usize,
    answers: usize,
}

/// A provider that answers a call with the call's own id.
#[derive(Clone)]
struct Upstream {
    done: Arc<Mutex<Vec<Done>>>,
    /// Told in the middle of the round with the outage.
    middle: Arc<Notify>,
}

impl Upstream {
    fn new() -> Self {
        Self {
            done: Arc::new(Mutex::new(vec![Done::default(); EXTRA + 1])),
            middle: Arc::default(),
        }
    }

    fn script(&self) -> Script {
        let upstream = self.clone();
        Script::by(move |call| {
            let question: Value = serde_json::from_slice(&call.body).unwrap();
            upstream.answer(question["id"].as_u64().unwrap() as usize)
        })
    }

    fn answer(&self, id: usize) -> Answer {
        let mut done = self.done.lock().unwrap();
        done[id].sends += 1;
        if let Some(fault) = fault(id).filter(|_| done[id].sends == 1) {
            return fault;
        }
        done[id].answers += 1;
        if id == OUTAGE * ROUND + ROUND / 2 {
            self.middle.notify_one();
        }
        // Of different length, so that calls overtake each other.
        Answer::ok_chat(&id.to_string()).delay(Duration::from_millis(20 + id as u64 % 60))
    }
}

/// The application, and the callers' way to it.
struct App {
    url: String,
    circuit: CircuitBreakerHandle,
    /// Every state that the circuit has come to.
    states: Arc<Mutex<Vec<State>>>,
}

impl App {
    async fn serve(upstream: &Server) -> Self {
        let states = Arc::new(Mutex::new(Vec::with_capacity(100)));
        let seen = Arc::clone(&states);
        let breaker = CircuitBreakerLayer::builder()
            .consecutive_failures(10)
            .open_for(Duration::from_secs(5))
            .on_transition(move |transition| seen.lock().unwrap().push(transition.to))
            .build()
            .unwrap();
        let circuit = breaker.handle();
        let target: Uri = format!("{}/v1/chat/completions", upstream.url())
            .parse()
            .unwrap();
        let route = ServiceBuilder::new()
            .error_response()
            .map_request(move |mut request: Request<Body>| {
                *request.uri_mut() = target.clone();
                request
            })
            .layer(
                Steady::interactive_seeded(1)
                    .with_any_body()
                    .with_breaker(breaker),
            )
            .service(client());
        let url = serve(Router::new().route_service("/chat", route)).await + "/chat";
        Self {
            url,
            circuit,
            states,
        }
    }
}

type Client = hyper_util::client::legacy::Client<
    hyper_util::client::legacy::connect::HttpConnector,
    Full<Bytes>,
>;

async fn ask(client: &Client, url: &str, id: usize) -> Response<Value> {
    let question = json!({ "model": "m", "id": id }).to_string();
    let request = Request::post(url).body(Full::from(question)).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, serde_json::from_slice(&body).unwrap())
}

/// Asks until it is answered, and comes back when it is told to. Returns how often it was refused.
async fn ask_until_answered(client: &Client, url: &str, id: usize) -> usize {
    let mut refused = 0;
    loop {
        let answer = ask(client, url, id).await;
        if answer.status() == StatusCode::OK {
            let content = &answer.body()["choices"][0]["message"]["content"];
            assert_eq!(*content, id.to_string(), "somebody else's answer");
            return refused;
        }
        assert!(answer.body()["error"]["type"].is_string(), "{answer:?}");
        refused += 1;
        let wait = answer.headers().get("retry-after");
        let seconds = wait.map_or(1, |wait| wait.to_str().unwrap().parse().unwrap());
        sleep(Duration::from_secs(seconds)).await;
    }
}

/// A round of calls by all callers. Returns how often one was refused.
async fn calls(url: &str, number: usize) -> usize {
    let next = Arc::new(AtomicUsize::new(number * ROUND));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, url, next) = (client(), url.to_owned(), Arc::clone(&next));
        callers.spawn(async move {
            let mut refused = 0;
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                if id >= (number + 1) * ROUND {
                    break refused;
                }
                refused += ask_until_answered(&client, &url, id).await;
            }
        });
    }
    callers.join_all().await.into_iter().sum()
}

/// The provider dies in the middle of the round, and comes back.
async fn outage(app: &App, upstream: &Upstream, server: &Server) {
    upstream.middle.notified().await;
    server.kill().await;
    let mut circuit = app.circuit.watch();
    let open = |transition: &Transition| transition.to == State::Open;
    circuit.wait_for(open).await.unwrap();

    // It fails fast: not even a provider that is well again is asked.
    server.restart().await.unwrap();
    let received = server.provider().received();
    let refused = ask(&client(), &app.url, EXTRA).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.body()["error"]["reason"], "circuit_open");
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(server.provider().received(), received);
}

/// Lets go of what lives for its time and not for ever: the record, the connections, and what the
/// application's pool knows of those.
async fn settle(app: &App, server: &Server) {
    for last in [false, true] {
        server.kill().await;
        server.restart().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        if !last {
            ask(&client(), &app.url, EXTRA).await;
        }
        server.provider().take_calls();
    }
}

#[test]
fn none_of_ten_thousand_calls_is_lost_doubled_or_mixed_up_and_no_memory_is_kept() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let upstream = Upstream::new();
    let server = runtime.block_on(Provider::new(upstream.script()).serve());
    let server = server.unwrap();
    let app = runtime.block_on(App::serve(&server));

    for number in 0..ROUNDS {
        let mut refused = 0;
        let memory = allocation_counter::measure(|| {
            runtime.block_on(async {
                if number == OUTAGE {
                    let outage = outage(&app, &upstream, &server);
                    (refused, ()) = tokio::join!(calls(&app.url, number), outage);
                } else {
                    refused = calls(&app.url, number).await;
                }
                settle(&app, &server).await;
            });
        });
        if number == OUTAGE {
            assert!(refused > 0, "nobody noticed the outage");
        } else {
            assert_eq!(refused, 0, "round {number}");
        }
        // The first round builds what the others use.
        if number > 0 {
            assert!(memory.bytes_current <= TOLERANCE, "{number}: {memory:?}");
        }
    }

    let states = app.states.lock().unwrap();
    assert_eq!(states.first(), Some(&State::Open));
    assert!(
        states.ends_with(&[State::HalfOpen, State::Closed]),
        "{states:?}"
    );

    let done = upstream.done.lock().unwrap();
    for (id, done) in done[..EXTRA].iter().enumerate() {
        // What was under way when the provider died may have been answered unheard.
        if id / ROUND != OUTAGE {
            let sends = 1 + usize::from(fault(id).is_some());
            assert_eq!((done.sends, done.answers), (sends, 1), "call {id}");
        }
    }
    let twice = done[..EXTRA].iter().filter(|done| done.answers > 1).count();
    assert!(twice <= CALLERS, "{twice} were under way");
}
