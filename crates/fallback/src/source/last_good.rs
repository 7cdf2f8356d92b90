use std::fmt;
use std::future::{Ready, ready};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, Request, Response, StatusCode};
use quick_cache::sync::Cache;
use tokio::time::Instant;
use tower_steady_core::{Class, ConfigError, Outcome, StreamOutcome};

use super::{Given, Source, checked_name};
use crate::{ResponseBody, Stock, Tried};

/// The last good answer to the same question, no older than a limit.
///
/// Which question a request asks is a function of it; `None` for a request whose answer should not be
/// kept. A prompt stands in the body, so a useful function reads the body where its type allows
/// (`Full<Bytes>`), or an extension that an outer layer has set.
///
/// An answer is kept when its status is a 2xx and its body has been read to its clean end; one that breaks
/// off, that is larger than `max_bytes`, or that is itself degraded is not.
pub struct LastGood<F, K> {
    name: Arc<str>,
    question: F,
    max_age: Duration,
    max_bytes: usize,
    answers: Arc<Cache<K, Arc<Answer>>>,
}

/// Builds a [`LastGood`].
#[derive(Clone, Debug)]
#[must_use]
pub struct LastGoodBuilder {
    name: String,
    max_age: Duration,
    max_answers: usize,
    max_bytes: usize,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    chunks: Vec<Bytes>,
    at: Instant,
}

impl LastGoodBuilder {
    /// The name. Default: `last-good`.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// How old an answer may be. Default: 10 minutes.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How many answers are kept. Default: 1,000.
    pub const fn max_answers(mut self, max_answers: usize) -> Self {
        self.max_answers = max_answers;
        self
    }

    /// How large an answer may be, in bytes. Default: 256 KiB.
    pub const fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Tells questions apart by `question`.
    ///
    /// # Errors
    ///
    /// A zero limit, or a name that cannot stand in a header as a token.
    pub fn build<F, K, B>(self, question: F) -> Result<LastGood<F, K>, ConfigError>
    where
        F: Fn(&Request<B>) -> Option<K>,
        K: Eq + Hash + Clone,
    {
        for (field, is_zero) in [
            ("max_age", self.max_age.is_zero()),
            ("max_answers", self.max_answers == 0),
            ("max_bytes", self.max_bytes == 0),
        ] {
            if is_zero {
                return Err(ConfigError::new(field, "must be more than zero"));
            }
        }
        Ok(LastGood {
            name: checked_name(&self.name)?,
            question,
            max_age: self.max_age,
            max_bytes: self.max_bytes,
            answers: Arc::new(Cache::new(self.max_answers)),
        })
    }
}

impl LastGood<(), ()> {
    /// Starts from the defaults.
    pub fn builder() -> LastGoodBuilder {
        LastGoodBuilder {
            name: "last-good".to_owned(),
            max_age: Duration::from_secs(600),
            max_answers: 1_000,
            max_bytes: 256 * 1024,
        }
    }
}

impl<F: Clone, K> Clone for LastGood<F, K> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            question: self.question.clone(),
            max_age: self.max_age,
            max_bytes: self.max_bytes,
            answers: Arc::clone(&self.answers),
        }
    }
}

impl<F, K> fmt::Debug for LastGood<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGood")
            .field("name", &self.name)
            .field("max_age", &self.max_age)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

impl<F, K: Eq + Hash> Stock for LastGood<F, K> {
    fn kept(&self) -> usize {
        self.answers.len()
    }
}

impl<F, K, B, RB> Source<B, RB> for LastGood<F, K>
where
    F: Fn(&Request<B>) -> Option<K>,
    K: Eq + Hash + Clone + Send + Sync + 'static,
{
    type Kept = K;
    type Future = Ready<Result<Given<RB>, Tried>>;

    fn keep(&self, request: &Request<B>) -> Option<K> {
        (self.question)(request)
    }

    fn learn(&self, question: K, response: &Response<RB>) -> Option<Recorder> {
        // A redirect to a login page is a success of the call and no answer to the question.
        if !response.status().is_success() {
            return None;
        }
        let answers = Arc::clone(&self.answers);
        Some(Recorder {
            keep: Box::new(move |answer| answers.insert(question, Arc::new(answer))),
            answer: Answer {
                status: response.status(),
                headers: kept_headers(response.headers()),
                chunks: Vec::new(),
                at: Instant::now(),
            },
            stream: response.extensions().get().cloned(),
            left: self.max_bytes,
        })
    }

    fn answer(&self, question: K, _: &Outcome) -> Self::Future {
        let Some(answer) = self.answers.get(&question) else {
            return ready(Err(Tried::one(&self.name, "none kept for this question")));
        };
        let age = answer.at.elapsed();
        if age > self.max_age {
            self.answers.remove(&question);
            return ready(Err(Tried::one(&self.name, "the one kept is too old")));
        }
        let mut response = Response::new(ResponseBody::kept(answer.chunks.iter().cloned()));
        *response.status_mut() = answer.status;
        response.headers_mut().clone_from(&answer.headers);
        ready(Ok(Given::new(Arc::clone(&self.name), response).aged(age)))
    }
}

/// What of an answer's head is still true later: not the connection's headers (RFC 9110 section
/// 7.6.1), not the cookies of another caller, not the date and the limits of then.
fn kept_headers(headers: &HeaderMap) -> HeaderMap {
    const GONE: [HeaderName; 8] = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TRAILER,
        header::UPGRADE,
        header::SET_COOKIE,
        header::DATE,
        header::RETRY_AFTER,
        header::AGE,
    ];
    let kept = headers.iter().filter(|(name, _)| {
        !GONE.contains(name) && !name.as_str().contains("ratelimit") && **name != "keep-alive"
    });
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Copies a body as it is read, and keeps the copy if it ends well.
pub struct Recorder {
    keep: Box<dyn FnOnce(Answer) + Send + Sync>,
    answer: Answer,
    stream: Option<StreamOutcome>,
    left: usize,
}

impl Recorder {
    /// False if the answer has become too large.
    pub(crate) fn record(&mut self, data: &Bytes) -> bool {
        let fits = data.len() <= self.left;
        if fits {
            self.left -= data.len();
            self.answer.chunks.push(data.clone());
        }
        fits
    }

    /// The body has ended. A stream that ended in an error is not a good answer.
    pub(crate) fn finish(self) {
        let verdict = self.stream.as_ref().and_then(StreamOutcome::verdict);
        if verdict.is_none_or(|outcome| outcome.class == Class::Success) {
            (self.keep)(self.answer);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("chunks", &self.answer.chunks.len())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
