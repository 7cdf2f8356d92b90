use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tower_steady_core::key::{ByHost, RequestKey};
use tower_steady_core::{BoxError, Deadline, readiness};

use super::caller::{Caller, Recent};
use super::clock;
use super::error::{Paused, PausedReason};
use super::future::ResponseFuture;
use super::layer::Core;
use super::line::Entry;
use super::slot::Slot;
use super::waiting::{Patience, Place, Tracked, Waiting, refuse};

/// The service of [`PauseLayer`](super::PauseLayer).
pub struct Pause<S, K: RequestKey = ByHost> {
    inner: S,
    shared: Arc<Core<K>>,
    recent: Recent<K::Key>,
}

impl<S, K: RequestKey> Pause<S, K> {
    pub(crate) fn new(inner: S, shared: Arc<Core<K>>) -> Self {
        Self {
            inner,
            shared,
            recent: Recent::new(),
        }
    }

    /// Made before it is known to be needed: a refusal comes when the request is gone.
    #[inline]
    fn caller<B>(&mut self, request: &mut Request<B>) -> Arc<Caller<K::Key>> {
        match self.recent.last() {
            Some(last) if self.shared.key.is(request, &last.key) => Arc::clone(last),
            _ => self.other_caller(request),
        }
    }

    #[inline(never)]
    fn other_caller<B>(&mut self, request: &mut Request<B>) -> Arc<Caller<K::Key>> {
        let key = self.shared.key.of(request);
        self.recent.switch(key, &self.shared.book)
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

    #[inline(always)]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let caller = self.caller(&mut request);
        if self.shared.book.is_engaged() {
            return self.ask(caller, request);
        }
        ResponseFuture::free(self.inner.call(request), caller)
    }
}

impl<S, K: RequestKey> Pause<S, K> {
    /// Somebody is paused: is it this key?
    #[cold]
    fn ask<B>(
        &mut self,
        caller: Arc<Caller<K::Key>>,
        request: Request<B>,
    ) -> ResponseFuture<S::Future, S, B, K::Key>
    where
        S: Service<Request<B>> + Clone,
    {
        let now = clock::now();
        let Some(slot) = self.shared.book.find(&caller.key) else {
            self.shared.book.sweep(now);
            return ResponseFuture::free(self.inner.call(request), caller);
        };
        let patience = Patience::new(
            now,
            slot.settings().max_wait,
            Deadline::of(request.extensions()),
        );
        match slot.enter(now, patience.give_up) {
            Entry::Free => {
                self.shared.book.sweep(now);
                ResponseFuture::free(self.inner.call(request), caller)
            }
            Entry::Go(pass) => {
                ResponseFuture::paced(self.inner.call(request), Tracked::new(slot, pass))
            }
            Entry::Wait => {
                // Whoever waits holds no readiness, for others may need it: neither in the future,
                // whose clone is made ready when it may go, nor here, where what was made ready for
                // this call would stay reserved until the next.
                let service = self.inner.clone();
                readiness::give_back(&mut self.inner);
                let place = Place::new(slot, patience);
                ResponseFuture::waiting(Waiting::new(service, request, place))
            }
            Entry::Late(left) => self.refuse(patience.over(left), &slot),
            Entry::Full(left) => self.refuse(Paused::new(left, PausedReason::QueueFull), &slot),
        }
    }
}

impl<S: Clone, K: RequestKey> Pause<S, K> {
    /// Gives back what the service has reserved for a call that is not made, as one that waits does.
    fn refuse<B>(
        &mut self,
        paused: Paused,
        slot: &Slot<K::Key>,
    ) -> ResponseFuture<S::Future, S, B, K::Key>
    where
        S: Service<Request<B>>,
    {
        readiness::give_back(&mut self.inner);
        ResponseFuture::refused(refuse(paused, slot))
    }
}

impl<S: Clone, K: RequestKey> Clone for Pause<S, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
            recent: Recent::new(),
        }
    }
}

impl<S: fmt::Debug, K: RequestKey> fmt::Debug for Pause<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pause")
            .field("inner", &self.inner)
            .field("book", &self.shared.book)
            .finish_non_exhaustive()
    }
}
