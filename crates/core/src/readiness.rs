//! What a service owes that refuses a call by itself.

/// Gives back what `service` has reserved in `poll_ready`, a place under a shared concurrency limit
/// say, for a call that will not be made: puts a fresh clone in its place.
///
/// Without it the place stays taken until the next call or the service's end. By tower's contract a
/// clone starts without the readiness of the original.
#[cold]
pub fn give_back<S: Clone>(service: &mut S) {
    *service = service.clone();
}
