use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, Version};

use crate::{BoxError, Class, Failure};

/// What was done for one call: on a final answer that took more than one try, and on every failure.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Every try that was sent, first to last. A retry that a layer here rejected is not among them.
    pub attempts: Vec<AttemptReport>,
    /// The time spent asleep between tries.
    pub total_wait: Duration,
    /// The head of the provider's last answer, where that answer itself could not be kept.
    pub last_head: Option<Arc<Head>>,
}

/// One try of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptReport {
    /// What happened.
    pub class: Class,
    /// The response's status, if there was a response.
    pub status: Option<StatusCode>,
    /// How long the server asked us to stay away.
    pub wait: Option<Duration>,
    /// How long we slept before this try.
    pub slept: Duration,
    /// From sending to the head of the response, or to the error.
    pub elapsed: Duration,
    /// The provider's id for it, to quote in a support request.
    pub request_id: Option<Box<str>>,
    /// Whether the request was repaired before this try.
    pub repaired: bool,
}

/// Status and headers of an answer that is gone.
#[derive(Clone)]
#[non_exhaustive]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The HTTP version.
    pub version: Version,
    /// The headers, as they came.
    pub headers: HeaderMap,
}

impl Report {
    /// How many requests were sent.
    #[must_use]
    pub fn sends(&self) -> usize {
        self.attempts.len()
    }

    /// The report on a finished call, if a retry layer left one.
    #[must_use]
    pub fn of<B>(result: &Result<Response<B>, BoxError>) -> Option<&Self> {
        match result {
            Ok(response) => response.extensions().get(),
            Err(error) => Failure::find(&**error).and_then(Failure::report),
        }
    }

    /// Leaves the report on a finished call, in place of an earlier one.
    pub fn leave<B>(self, result: &mut Result<Response<B>, BoxError>) {
        match result {
            Ok(response) => {
                response.extensions_mut().insert(self);
            }
            Err(error) => Failure::outermost(error).set_report(self),
        }
    }
}

impl AttemptReport {
    /// A try of which only the class is known.
    #[must_use]
    pub const fn new(class: Class) -> Self {
        Self {
            class,
            status: None,
            wait: None,
            slept: Duration::ZERO,
            elapsed: Duration::ZERO,
            request_id: None,
            repaired: false,
        }
    }
}

impl Head {
    /// Copies the head of `response`.
    #[must_use]
    pub fn of<B>(response: &Response<B>) -> Self {
        Self {
            status: response.status(),
            version: response.version(),
            headers: response.headers().clone(),
        }
    }
}

/// Names only: a header's value may be a secret.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("status", &self.status)
            .field("version", &self.version)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// "after 3 sends: server_error, timeout, overloaded"
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_sends(self, f)?;
        for (index, attempt) in self.attempts.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { ", " })?;
            attempt.class.fmt(f)?;
        }
        Ok(())
    }
}

pub(crate) fn fmt_sends(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match report.sends() {
        1 => f.write_str("after 1 send"),
        sends => write!(f, "after {sends} sends"),
    }
}
