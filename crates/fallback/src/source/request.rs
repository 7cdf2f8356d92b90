use http::Request;
use tower_steady_core::{Attempt, Held, TryClone};

/// A copy of `request` to send elsewhere, `None` if its body cannot be sent again.
pub(super) fn copy<B: TryClone>(request: &Request<B>) -> Option<Request<B>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    if !request.extensions().is_empty() {
        copy.extensions_mut().clone_from(request.extensions());
        copy.extensions_mut().remove::<Attempt>();
        copy.extensions_mut().remove::<Held>();
    }
    Some(copy)
}

/// A kept request, to be sent now, `None` if its body cannot be any more.
///
/// With a copy made at this moment: a connection of the provider's may still be reading the body, and
/// a replayed body goes to its latest copy.
pub(super) fn latest<B: TryClone>(kept: Request<B>) -> Option<Request<B>> {
    let (head, body) = kept.into_parts();
    Some(Request::from_parts(head, body.try_clone()?))
}

/// Why a kept request is not sent.
pub(super) const GONE: &str = "the request body cannot be sent again";
