use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells a retry layer that its try has not left yet, noted in the extensions of each retry that a
/// [`Gate`](crate::Gate) granted.
///
/// A layer whose future keeps a call back before it passes it on marks it for that time. A retry that
/// is dropped then costs nothing, for nothing was sent.
#[derive(Clone, Debug, Default)]
pub struct Held(Arc<AtomicBool>);

impl Held {
    /// Nobody holds the call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says on `extensions` whether the call is kept back from now on, if anybody wants to know.
    pub fn mark(extensions: &http::Extensions, held: bool) {
        if let Some(Self(note)) = extensions.get() {
            // Relaxed: it is read by the task that polls the call.
            note.store(held, Ordering::Relaxed);
        }
    }

    /// Whether the call is kept back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
