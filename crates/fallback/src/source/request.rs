use http::Request;
use tower_steady_core::{Attempt, TryClone};

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
    }
    Some(copy)
}
