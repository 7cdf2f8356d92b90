use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::key::{ByHost, RequestKey};
use tower_steady_core::{BoxError, Deadline};

use super::clock;
use super::error::{Paused, PausedReason};
use super::future::ResponseFuture;
use super::layer::Core;
use super::line::Entry;
use super::waiting::{Patience, Place, Tracked, Waiting, refuse};

/// The service of [`PauseLayer`](super::PauseLayer).
pub struct Pause<S, K: RequestKey = ByHost> {
    inner: S,
    shared: Arc<Core<K>>,
}

impl<S, K: RequestKey> Pause<S, K> {
    pub(crate) fn new(inner: S, shared: Arc<Core<K>>) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, RB, K> Service<Request<B>> for Pause<S, K>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone,
    S::Error: Into<BoxError>,
    K: RequestKey,
{
    type Response = Response<RB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, S, B, K::Key>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The key is made before it is known to be needed: a refusal comes when the request is gone.
        let key = if let Some(key) = self.shared.key.whole(&request) {
            key
        } else {
            let (parts, body) = request.into_parts();
            let key = self.shared.key.key(&parts);
            request = Request::from_parts(parts, body);
            key
        };
        if self.shared.book.is_engaged() {
            return self.ask(key, request);
        }
        self.pass(key, request)
    }
}

impl<S, K: RequestKey> Pause<S, K> {
    /// Nobody is paused.
    fn pass<B>(
        &mut self,
        key: K::Key,
        request: Request<B>,
    ) -> ResponseFuture<S::Future, S, B, K::Key>
    where
        S: Service<Request<B>>,
    {
        let proactive = self.shared.book.settings().proactive;
        let number = self.shared.book.number();
        ResponseFuture::free(self.inner.call(request), key, number, proactive)
    }

    /// Somebody is paused: is it this key?
    #[cold]
    fn ask<B>(
        &mut self,
        key: K::Key,
        request: Request<B>,
    ) -> ResponseFuture<S::Future, S, B, K::Key>
    where
        S: Service<Request<B>> + Clone,
    {
        let now = clock::now();
        let Some(slot) = self.shared.book.find(&key) else {
            self.shared.book.sweep(now);
            return self.pass(key, request);
        };
        let patience = Patience::new(
            now,
            slot.settings().max_wait,
            Deadline::of(request.extensions()),
        );
        match slot.enter(now, patience.give_up) {
            Entry::Free => {
                self.shared.book.sweep(now);
                self.pass(key, request)
            }
            Entry::Go(pass) => {
                ResponseFuture::paced(self.inner.call(request), Tracked::new(slot, pass))
            }
            Entry::Wait => {
                // Whoever waits holds no readiness, for others may need it: neither in the future,
                // whose clone is made ready when it may go, nor here, where what was made ready for
                // this call would stay reserved until the next.
                let service = self.inner.clone();
                self.inner = self.inner.clone();
                let place = Place::new(slot, patience);
                ResponseFuture::waiting(Waiting::new(service, request, place))
            }
            Entry::Late(left) => ResponseFuture::refused(refuse(patience.over(left), slot.key())),
            Entry::Full(left) => {
                let paused = Paused::new(left, PausedReason::QueueFull);
                ResponseFuture::refused(refuse(paused, slot.key()))
            }
        }
    }
}

impl<S: Clone, K: RequestKey> Clone for Pause<S, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, K: RequestKey> fmt::Debug for Pause<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pause")
            .field("inner", &self.inner)
            .field("book", &self.shared.book)
            .finish()
    }
}
