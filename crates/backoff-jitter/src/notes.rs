/// A request extension that lowers the layer's total limit for this one call, the first try included.
///
/// 1 switches retries off, and so does 0: the first try is always sent. A number above the layer's
/// own limit changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAttempts(pub u32);

/// A request extension that marks a request which must not be processed twice.
///
/// It is retried only where the failure proves that the provider has not processed it
/// (`Outcome::sent` is false: a refused connection, a rejection before sending). Completions need no
/// mark: to make one twice costs tokens and breaks nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonIdempotent;
