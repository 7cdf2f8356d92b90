use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;
use tower_steady_core::{BoxError, ConfigError, Outcome, TryClone};

use super::request::{self, copy};
use super::{Given, Source, checked_name};
use crate::{ResponseBody, Stock, Tried};

/// Another service: another provider, model or region, with a stack of its own.
///
/// It gets a copy of the request, as it came to the fallback layer. Where it needs another URI, key or
/// model, rewrite it in front of the service, with `tower`'s `map_request` or a layer of your own.
/// Needs a body that can be sent again (`ReplayLayer` further out makes any body one).
pub struct Alternative<A> {
    name: Arc<str>,
    // A service need not be Sync. Locked to clone it, for a call that falls back.
    service: Arc<Mutex<A>>,
}

impl<A> Alternative<A> {
    /// Falls back to `service`.
    ///
    /// # Errors
    ///
    /// A name that cannot stand in a header as a token.
    pub fn new(name: &str, service: A) -> Result<Self, ConfigError> {
        Ok(Self {
            name: checked_name(name)?,
            service: Arc::new(Mutex::new(service)),
        })
    }
}

impl<A> Clone for Alternative<A> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            service: Arc::clone(&self.service),
        }
    }
}

impl<A> fmt::Debug for Alternative<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alternative").field(&self.name).finish()
    }
}

impl<A> Stock for Alternative<A> {}

impl<A, B, RB> Source<B, RB> for Alternative<A>
where
    A: Service<Request<B>, Response = Response<RB>> + Clone,
    A::Error: Into<BoxError>,
    B: TryClone,
{
    type Kept = Request<B>;
    type Future = AlternativeFuture<A, B>;

    fn keep(&self, request: &Request<B>) -> Option<Request<B>> {
        copy(request)
    }

    fn answer(&self, request: Request<B>, _: &Outcome) -> Self::Future {
        let oneshot = request::latest(request).map(|request| {
            let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
            Oneshot::new(service.clone(), request)
        });
        AlternativeFuture {
            name: Arc::clone(&self.name),
            oneshot,
        }
    }
}

pin_project! {
    /// The future of [`Alternative`].
    pub struct AlternativeFuture<A, B>
    where
        A: Service<Request<B>>,
    {
        name: Arc<str>,
        // None: the body is gone.
        #[pin]
        oneshot: Option<Oneshot<A, Request<B>>>,
    }
}

impl<A, B, RB> Future for AlternativeFuture<A, B>
where
    A: Service<Request<B>, Response = Response<RB>>,
    A::Error: Into<BoxError>,
{
    type Output = Result<Given<RB>, Tried>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(oneshot) = this.oneshot.as_pin_mut() else {
            return Poll::Ready(Err(Tried::one(this.name, request::GONE)));
        };
        let result = ready!(oneshot.poll(cx)).map_err(Into::into);
        Poll::Ready(match result {
            Ok(response) => {
                let response = response.map(ResponseBody::live);
                Ok(Given::new(Arc::clone(this.name), response))
            }
            // Its own error is not the caller's: what it came to is.
            failed => Err(Tried::one(this.name, Outcome::class_of(&failed).as_str())),
        })
    }
}

impl<A, B> fmt::Debug for AlternativeFuture<A, B>
where
    A: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlternativeFuture").finish_non_exhaustive()
    }
}
