use http::Request;
use tower_steady_core::Outcome;

/// Changes a request that failed, so that another try can succeed: shorten the prompt after
/// `context_length`, ask differently after `content_policy`.
///
/// Asked at most once a call, for the classes it was given for
/// ([`RetryBuilder::repair`](crate::RetryBuilder::repair)), and only where a further try is allowed.
/// What it returns is sent at once, or after the server's wait, and stands for the request from then
/// on: later tries repeat it. It runs on the task that polls the call and should not block.
///
/// Implemented for closures and functions:
///
/// ```
/// use http::Request;
/// use tower_steady_backoff_jitter::RetryLayer;
/// use tower_steady_core::{Class, Outcome};
///
/// let truncate = |_failed: &Outcome, request: Request<String>| {
///     Some(request.map(|prompt| prompt.chars().take(1000).collect::<String>()))
/// };
/// let layer = RetryLayer::builder().repair([Class::ContextLength], truncate).build().unwrap();
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot repair a request with a body of type `{B}`",
    label = "not a `Repair<{B}>`",
    note = "pass a closure `|failed: &Outcome, request: http::Request<{B}>| ...` that returns an \
            `Option<http::Request<{B}>>`"
)]
pub trait Repair<B> {
    /// The changed request, or `None` to leave it at the failure. `request` is as it was sent, apart
    /// from the attempt header.
    fn repair(&self, failed: &Outcome, request: Request<B>) -> Option<Request<B>>;
}

#[diagnostic::do_not_recommend]
impl<B, F> Repair<B> for F
where
    F: Fn(&Outcome, Request<B>) -> Option<Request<B>>,
{
    fn repair(&self, failed: &Outcome, request: Request<B>) -> Option<Request<B>> {
        self(failed, request)
    }
}

/// Repairs nothing: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRepair;

impl<B> Repair<B> for NoRepair {
    fn repair(&self, _: &Outcome, _: Request<B>) -> Option<Request<B>> {
        None
    }
}
