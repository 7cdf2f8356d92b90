use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_service::Service;
use tower_steady_core::{Attempt, BoxError, Shared, TryClone};

use crate::config::Settings;
use crate::copy::Copy;
use crate::span::CallSpan;
use crate::{MaxAttempts, NoRepair, Repair, ResponseFuture};

/// The service of a [`RetryLayer`](crate::RetryLayer).
///
/// The first try goes to the service that was polled ready, in place. A retry polls and calls a clone
/// of its own, made only then: a wait between tries holds no readiness that somebody else could use.
pub struct Retry<S, R = NoRepair> {
    inner: S,
    template: Shared<Template<S, R>>,
}

/// What a future needs to make a further try.
pub(crate) struct Template<S, R> {
    /// Cloned from for a retry only. The lock makes it shareable where `S` is not `Sync`.
    service: Mutex<S>,
    pub(crate) settings: Arc<Settings<R>>,
}

impl<S: Clone, R> Retry<S, R> {
    pub(crate) fn new(inner: S, settings: Arc<Settings<R>>) -> Self {
        let template = Template {
            service: Mutex::new(inner.clone()),
            settings,
        };
        Self {
            inner,
            template: Shared::new(template),
        }
    }
}

impl<S, R> Retry<S, R> {
    /// The service below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service below, for first tries: retries go to clones of it as it was when the layer was
    /// applied.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service below.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, R> Template<S, R> {
    pub(crate) fn service(&self) -> S {
        // A clone that panicked has changed nothing.
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        service.clone()
    }
}

impl<S, R, B, RB> Service<Request<B>> for Retry<S, R>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    B: TryClone,
    R: Repair<B>,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let span = CallSpan::open(&request);
        let settings = &self.template.settings;
        let mut limit = settings.max_attempts;
        let extensions = request.extensions_mut();
        if !extensions.is_empty() {
            // An outer loop's number: below here ours counts.
            extensions.remove::<Attempt>();
            if let Some(MaxAttempts(lower)) = extensions.get() {
                limit = limit.min(*lower).max(1);
            }
        }
        let keyed = match &settings.options.idempotency_key {
            Some(name) => add_key(request.headers_mut(), name),
            None => false,
        };
        let copy = Copy::of(&request, limit);
        if let Some(name) = &settings.options.attempt_header {
            number(&mut request, name, 1);
        }
        let entered = span.enter();
        let first = self.inner.call(request);
        drop(entered);
        ResponseFuture::new(first, self.template.lease(), copy, limit, keyed, span)
    }
}

/// Writes the number of a try, unless a head is as full as it can be.
pub(crate) fn number<B>(request: &mut Request<B>, name: &HeaderName, number: u32) {
    let headers = request.headers_mut();
    let _ = headers.try_insert(name.clone(), HeaderValue::from(number));
}

/// Adds a key of our own where there is none, and says so.
pub(crate) fn add_key(headers: &mut HeaderMap, name: &HeaderName) -> bool {
    let Ok(Entry::Vacant(entry)) = headers.try_entry(name) else {
        return false;
    };
    entry.try_insert(new_key()).is_ok()
}

/// 128 random bits, in hexadecimal digits.
fn new_key() -> HeaderValue {
    let key = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(key).expect("hexadecimal digits are a header value")
}

impl<S: Clone, R> Clone for Retry<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            template: self.template.clone(),
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Retry<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("settings", &self.template.settings)
            .finish()
    }
}
