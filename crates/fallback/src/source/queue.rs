use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::sync::mpsc;
use tower_steady_core::{BoxError, ConfigError, Outcome, Seeds, TryClone};

use super::request::{self, copy};
use super::{Given, Source, checked_name};
use crate::{ResponseBody, Stock, Tried};

/// Hands the request over to be done later, and answers 202 with a receipt.
///
/// The body of the 202 is `{"status":"queued","receipt":"<id>"}`; the id is in the extensions too, as
/// a [`Receipt`].
pub struct Queue<T> {
    name: Arc<str>,
    sink: T,
    seeds: Arc<Seeds>,
}

/// Takes requests to be done later: a bounded channel, or a type of your own. Never blocks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no requests with a body of type `{B}`",
    label = "not a `Sink<{B}>`",
    note = "pass a `tokio::sync::mpsc::Sender<Queued<{B}>>`, or implement `Sink` for a type of your own"
)]
pub trait Sink<B> {
    /// Takes `queued`.
    ///
    /// # Errors
    ///
    /// It cannot be taken, for example because the queue is full. What the error says is not passed on,
    /// for it may hold anything.
    fn put(&self, queued: Queued<B>) -> Result<(), BoxError>;
}

/// A request to be done later. `Debug` prints nothing of the request but its method.
#[non_exhaustive]
pub struct Queued<B> {
    /// The id that the caller has got.
    pub receipt: Receipt,
    /// The request.
    pub request: Request<B>,
    /// Why it was not done now.
    pub outcome: Outcome,
}

/// The id of a request in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(Arc<str>);

impl Receipt {
    /// The id: 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<B> fmt::Debug for Queued<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued")
            .field("receipt", &self.receipt)
            .field("method", self.request.method())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<B> Sink<B> for mpsc::Sender<Queued<B>> {
    fn put(&self, queued: Queued<B>) -> Result<(), BoxError> {
        // The error holds the request, which is dropped: it may hold a prompt.
        self.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => "the queue is full".into(),
            mpsc::error::TrySendError::Closed(_) => "the queue is closed".into(),
        })
    }
}

impl<T> Queue<T> {
    /// Hands requests to `sink`, under the name `queue`.
    #[must_use]
    pub fn new(sink: T) -> Self {
        Self {
            name: "queue".into(),
            sink,
            seeds: Arc::default(),
        }
    }

    /// Sets the name.
    ///
    /// # Errors
    ///
    /// A name that cannot stand in a header as a token.
    pub fn name(mut self, name: &str) -> Result<Self, ConfigError> {
        self.name = checked_name(name)?;
        Ok(self)
    }

    /// Makes the ids repeat, for tests.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seeds = Arc::new(Seeds::fixed(seed));
        self
    }
}

impl<T: Clone> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            sink: self.sink.clone(),
            seeds: Arc::clone(&self.seeds),
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.name).finish()
    }
}

impl<T> Stock for Queue<T> {}

impl<T, B, RB> Source<B, RB> for Queue<T>
where
    T: Sink<B>,
    B: TryClone,
{
    type Kept = Request<B>;
    type Future = Ready<Result<Given<RB>, Tried>>;

    fn keep(&self, request: &Request<B>) -> Option<Request<B>> {
        copy(request)
    }

    fn answer(&self, request: Request<B>, outcome: &Outcome) -> Self::Future {
        let Some(request) = request::latest(request) else {
            return ready(Err(Tried::one(&self.name, request::GONE)));
        };
        let id = format!("{:016x}{:016x}", self.seeds.draw(), self.seeds.draw());
        let receipt = Receipt(id.into());
        let queued = Queued {
            receipt: receipt.clone(),
            request,
            outcome: outcome.clone(),
        };
        ready(match self.sink.put(queued) {
            Ok(()) => Ok(Given::new(Arc::clone(&self.name), accepted(receipt))),
            // Not its own words, which may hold anything.
            Err(_) => Err(Tried::one(&self.name, "the queue did not take it")),
        })
    }
}

fn accepted<RB>(receipt: Receipt) -> Response<ResponseBody<RB>> {
    let body = Bytes::from(format!(r#"{{"status":"queued","receipt":"{receipt}"}}"#));
    let mut response = Response::new(ResponseBody::kept([body]));
    *response.status_mut() = StatusCode::ACCEPTED;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response.extensions_mut().insert(receipt);
    response
}
