use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// State that all clones of a service share, reached through a handle of each clone's own.
///
/// A future that needs the state past `call` takes a [`Lease`]. Were that a plain `Arc` of the shared
/// state, every call on every thread would write the same reference count, and two threads would do
/// little more than one. Here a lease counts on the handle, which is one clone's and so mostly one
/// thread's; only cloning the service touches the shared count.
#[expect(clippy::redundant_allocation, reason = "the outer count is the point")]
pub struct Shared<T>(Arc<Arc<T>>);

impl<T> Shared<T> {
    /// Puts `state` behind a first handle.
    #[must_use]
    pub fn new(state: T) -> Self {
        Self::from(Arc::new(state))
    }

    /// Keeps the state alive past this handle, for a future or a body.
    #[must_use]
    pub fn lease(&self) -> Lease<T> {
        Lease(Arc::clone(&self.0))
    }

    /// The shared state itself, for whoever lives long: a user's handle, a registry.
    #[must_use]
    pub fn state(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> From<Arc<T>> for Shared<T> {
    fn from(state: Arc<T>) -> Self {
        Self(Arc::new(state))
    }
}

/// A new handle on the same state.
impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self::from(Arc::clone(self.state()))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A share in the state behind a [`Shared`] that outlives the handle it came from.
#[expect(clippy::redundant_allocation, reason = "see `Shared`")]
pub struct Lease<T>(Arc<Arc<T>>);

impl<T> Clone for Lease<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
