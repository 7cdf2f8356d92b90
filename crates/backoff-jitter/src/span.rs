use std::fmt;
use std::mem;

use http::{Method, Request, Response, Uri};
use tower_steady_core::event::millis;
use tower_steady_core::{BoxError, Class, Outcome, Report, request_id};
use tracing::level_filters::LevelFilter;
use tracing::span::Entered;
use tracing::{Level, Span, field};

use crate::event::{self, TARGET};

/// The span of one call, where a subscriber wants it or the events of each try.
///
/// Where none does it is one look at a global and a null pointer: the span itself is boxed, so that
/// futures without it stay small.
pub(crate) struct CallSpan(Option<Box<Open>>);

/// Dropped before its call has ended, it says so.
struct Open {
    span: Span,
    /// How many tries were sent, with the one under way.
    sent: usize,
}

impl CallSpan {
    #[inline]
    pub(crate) fn open<B>(request: &Request<B>) -> Self {
        if Level::INFO <= LevelFilter::current() {
            Self::make(request.method(), request.uri())
        } else {
            Self(None)
        }
    }

    /// Neither path nor query: both can hold a key. The host is without user information.
    #[cold]
    fn make(method: &Method, uri: &Uri) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            "call",
            otel.kind = "client",
            http.request.method = method.as_str(),
            server.address = uri.host(),
            server.port = uri.port_u16(),
            outcome = field::Empty,
            attempts = field::Empty,
            class = field::Empty,
            veto = field::Empty,
            wait_ms = field::Empty,
            request_id = field::Empty,
            http.response.status_code = field::Empty,
            error.r#type = field::Empty,
            otel.status_code = field::Empty,
        );
        let watched = !span.is_disabled() || event::tells_attempts();
        Self(watched.then(|| Box::new(Open { span, sent: 1 })))
    }

    /// Whether somebody watches, and the call has not ended.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn enter(&self) -> Option<Entered<'_>> {
        self.0.as_ref().map(|open| open.span.enter())
    }

    /// The call goes on, after so many sends.
    pub(crate) fn sent(&mut self, sent: usize) {
        if let Some(open) = &mut self.0 {
            open.sent = sent;
        }
    }

    /// The call ends with `result`.
    pub(crate) fn close<RB>(&mut self, result: &Result<Response<RB>, BoxError>) {
        if let Some(mut open) = self.0.take() {
            // The span itself closes with what is left of it.
            let span = mem::replace(&mut open.span, Span::none());
            record(&span, result);
        }
    }
}

fn record<RB>(span: &Span, result: &Result<Response<RB>, BoxError>) {
    let class = Outcome::class_of(result);
    let veto = Outcome::note(result).and_then(|outcome| outcome.veto.as_ref());
    let report = Report::of(result);
    span.record("class", class.as_str());
    // A first try that succeeds leaves no report.
    span.record("attempts", report.map_or(1, Report::sends));
    if let Some(report) = report {
        span.record("wait_ms", millis(report.total_wait));
    }
    if let Ok(response) = result {
        span.record("http.response.status_code", response.status().as_u16());
        span.record("request_id", request_id::find(response.headers()));
    }
    if class == Class::Success {
        span.record("outcome", "success");
        return;
    }
    let outcome = if veto.is_some() { "given_up" } else { "failed" };
    span.record("outcome", outcome);
    span.record("veto", veto.map(|veto| veto.reason().as_str()));
    span.record("error.type", class.as_str());
    span.record("otel.status_code", "ERROR");
}

impl Drop for Open {
    fn drop(&mut self) {
        // Does nothing once the call has ended.
        self.span.record("outcome", "dropped");
        self.span.record("attempts", self.sent);
    }
}

impl fmt::Debug for CallSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.as_ref().and_then(|open| open.span.id());
        f.debug_tuple("CallSpan").field(&id).finish()
    }
}
