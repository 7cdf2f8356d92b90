use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use tokio::time::Instant;
use tower::Service;

use super::body::Cut;
use super::{AnswerBody, Bucket, Provider, Queue, What};
use crate::client::{Ask, CallId};
use crate::metrics::{InFlight, Recorder};

/// The HTTP client that every contender stands on: a read timeout and a connection to the simulated
/// provider, nothing else. Counts what is sent.
#[derive(Clone, Debug)]
pub struct HttpClient(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    settings: Provider,
    /// No answer for this long fails the request, as a read timeout does.
    timeout: Duration,
    began: Instant,
    recorder: Recorder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    work: LogNormal<f64>,
    queue: Queue,
    /// For each key, the buckets for requests and for tokens.
    buckets: HashMap<String, [Bucket; 2]>,
    errors: usize,
}

/// How a request fails below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The read timeout passed.
    Timeout,
    /// The connection broke.
    Reset,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "operation timed out",
            Self::Reset => "connection reset by peer",
        })
    }
}

impl std::error::Error for HttpError {}

/// What the provider has decided to do with a request.
enum Plan {
    /// Answer once this much time has passed.
    Answer(Duration, Response<AnswerBody>),
    /// Break the connection then.
    Reset(Duration),
    Silence,
}

impl HttpClient {
    /// A client of a provider with these settings. The simulation's clock starts now.
    #[expect(
        clippy::missing_panics_doc,
        reason = "a finite mean and sigma make a distribution"
    )]
    #[must_use]
    pub fn new(settings: Provider, timeout: Duration, recorder: Recorder, seed: u64) -> Self {
        let mean = settings.work.mean.as_secs_f64();
        let sigma = settings.work.sigma;
        let work = LogNormal::new(mean.ln() - sigma * sigma / 2.0, sigma);
        let state = State {
            rng: StdRng::seed_from_u64(seed),
            work: work.expect("finite"),
            queue: Queue::new(settings.slots, settings.queue),
            buckets: HashMap::new(),
            errors: 0,
        };
        Self(Arc::new(Connection {
            settings,
            timeout,
            began: Instant::now(),
            recorder,
            state: Mutex::new(state),
        }))
    }
}

impl Service<Request<Full<Bytes>>> for HttpClient {
    type Response = Response<AnswerBody>;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, HttpError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let connection = Arc::clone(&self.0);
        // A request is sent when its future is first polled, as with a real client.
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap_or_default().to_bytes();
            let (plan, _in_flight) = connection.receive(&head, &body);
            let timeout = connection.timeout;
            let wait = |work: Duration| tokio::time::sleep(work.min(timeout));
            match plan {
                Plan::Answer(work, answer) if work < timeout => {
                    wait(work).await;
                    Ok(answer)
                }
                Plan::Reset(work) if work < timeout => {
                    wait(work).await;
                    Err(HttpError::Reset)
                }
                Plan::Answer(..) | Plan::Reset(_) | Plan::Silence => {
                    wait(timeout).await;
                    Err(HttpError::Timeout)
                }
            }
        })
    }
}

impl Connection {
    fn receive(&self, head: &Parts, body: &[u8]) -> (Plan, InFlight) {
        let now = self.began.elapsed();
        let ask = Ask::read(head, body);
        let in_flight = self.recorder.sent(now, CallId::of(&head.headers));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (self.decide(&mut state, now, &ask), in_flight)
    }

    fn decide(&self, state: &mut State, now: Duration, ask: &Ask) -> Plan {
        let settings = &self.settings;
        let at_once = settings.round_trip;
        if ask.malformed {
            return Plan::Answer(at_once, refusal(400, "invalid_request_error", "", None));
        }
        let (mut failing, mut cut) = (false, None);
        let mut hits = |share: f64| state.rng.random::<f64>() < share;
        for trouble in &settings.troubles {
            if !trouble.hits(now, &ask.model, &ask.key) {
                continue;
            }
            match trouble.what {
                What::Outage => return Plan::Answer(at_once, overloaded(503)),
                What::Hang => return Plan::Silence,
                What::RateLimited => {
                    let left = trouble.to.saturating_sub(now);
                    return Plan::Answer(at_once, rate_limited(left));
                }
                What::RateLimitedByChance(share) => {
                    if hits(share) {
                        return Plan::Answer(at_once, rate_limited(Duration::from_secs(1)));
                    }
                }
                What::QuotaUsedUp => {
                    let code = "insufficient_quota";
                    return Plan::Answer(at_once, refusal(429, code, code, None));
                }
                What::Brownout(_) => {}
                What::Errors(share) => failing |= hits(share),
                What::CutEarly(share) => {
                    if hits(share) {
                        cut = Some(Cut::Early);
                    }
                }
                What::CutMidway(share) => {
                    if hits(share) {
                        cut = Some(Cut::Midway);
                    }
                }
            }
        }
        if let Some(wait) = self.over_limit(state, now, ask) {
            return Plan::Answer(at_once, rate_limited(wait));
        }
        let drawn = state.work.sample(&mut state.rng);
        let speed = |at| settings.speed(at, ask);
        let work = |start| Duration::from_secs_f64(drawn / speed(start));
        let Some(end) = state.queue.admit(now, work) else {
            return Plan::Answer(at_once, overloaded(503));
        };
        let busy = end - now + at_once;
        if failing {
            state.errors += 1;
            return match state.errors % 4 {
                0 => Plan::Reset(busy),
                1 => Plan::Answer(busy, refusal(500, "server_error", "", None)),
                2 => Plan::Answer(busy, overloaded(503)),
                _ => Plan::Answer(busy, overloaded(529)),
            };
        }
        Plan::Answer(busy, settings.answer(ask, cut))
    }

    /// Takes the request out of its key's buckets, or says how long until they would let it pass.
    fn over_limit(&self, state: &mut State, now: Duration, ask: &Ask) -> Option<Duration> {
        let limit = self.settings.limit?;
        let new = || {
            [
                Bucket::new(limit.requests, limit.burst_secs),
                Bucket::new(limit.tokens, limit.burst_secs),
            ]
        };
        let buckets = state.buckets.entry(ask.key.clone()).or_insert_with(new);
        let costs = [1.0, ask.tokens];
        let longest = |buckets: &mut [Bucket; 2]| {
            let pairs = buckets.iter_mut().zip(costs);
            pairs
                .filter_map(|(bucket, cost)| bucket.wait_for(now, cost))
                .max()
        };
        let wait = longest(buckets);
        if wait.is_some() && !limit.charged {
            return wait;
        }
        for (bucket, cost) in buckets.iter_mut().zip(costs) {
            bucket.charge(now, cost);
        }
        match wait {
            Some(_) if !limit.short_hints => longest(buckets),
            wait => wait,
        }
    }
}

impl Provider {
    fn speed(&self, at: Duration, ask: &Ask) -> f64 {
        let mut speed = 1.0;
        for trouble in &self.troubles {
            if let What::Brownout(share) = trouble.what
                && trouble.hits(at, &ask.model, &ask.key)
            {
                speed *= share;
            }
        }
        speed
    }

    fn answer(&self, ask: &Ask, cut: Option<Cut>) -> Response<AnswerBody> {
        let (kind, body) = if ask.stream {
            ("text/event-stream", AnswerBody::events(self.stream, cut))
        } else {
            let text = concat!(
                r#"{"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","#,
                r#""message":{"role":"assistant","content":"a few words"}}]}"#
            );
            ("application/json", AnswerBody::whole(text))
        };
        let mut answer = Response::new(body);
        let kind = header::HeaderValue::from_static(kind);
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }
}

fn overloaded(status: u16) -> Response<AnswerBody> {
    refusal(status, "overloaded_error", "", None)
}

fn rate_limited(wait: Duration) -> Response<AnswerBody> {
    refusal(429, "requests", "rate_limit_exceeded", Some(wait))
}

/// An error in the shape of the `OpenAI` API, with the hints it sends: whole seconds, rounded up,
/// and milliseconds.
fn refusal(status: u16, kind: &str, code: &str, wait: Option<Duration>) -> Response<AnswerBody> {
    let code = match code {
        "" => "null".to_owned(),
        code => format!("\"{code}\""),
    };
    let text = format!(
        r#"{{"error":{{"message":"the request was not served","type":"{kind}","param":null,"code":{code}}}}}"#
    );
    let mut answer = Response::new(AnswerBody::whole(text));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    let kind = header::HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, kind);
    if let Some(wait) = wait {
        let ms = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        headers.insert(header::RETRY_AFTER, ms.div_ceil(1000).into());
        headers.insert("retry-after-ms", ms.into());
    }
    answer
}
