//! What a retry costs, in what, and on whose account.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Request, Uri, header};
use http_body::Body;

/// What amounts are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Unit {
    /// Input tokens of a model.
    #[default]
    Tokens,
    /// Millionths of a US dollar.
    MicroDollars,
}

impl Unit {
    /// The stable name used in logs and vetoes, for example `micro_dollars`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::MicroDollars => "micro_dollars",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one retry of a request costs, in the layer's [`Unit`]: an extension for a caller who knows
/// better than the cost function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(pub u64);

/// Which workflow a request belongs to: an extension. All requests with the same id share that
/// workflow's limit. The id is printed in events and vetoes, so it must not be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workflow(Arc<str>);

impl Workflow {
    /// The workflow with this id.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// What a cost function sees of a request: the head, and how long the body is.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestInfo<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The extensions.
    pub extensions: &'a Extensions,
    /// The length of the body where it is known, be it from its size hint or from a
    /// `content-length`.
    pub body_bytes: Option<u64>,
}

impl<'a> RequestInfo<'a> {
    /// What there is to see of `request`.
    #[must_use]
    pub fn of<B: Body>(request: &'a Request<B>) -> Self {
        let hint = request.body().size_hint();
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
            body_bytes: hint.exact().or_else(|| {
                let length = request.headers().get(header::CONTENT_LENGTH)?;
                length.to_str().ok()?.parse().ok()
            }),
        }
    }
}

/// Method, path and length: neither a query nor a header's value is printed.
impl fmt::Debug for RequestInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("body_bytes", &self.body_bytes)
            .finish_non_exhaustive()
    }
}

/// The default cost function: a token for each four bytes of body, which is the rule of thumb for
/// English text with the tokenizers of the large providers.
///
/// A body of unknown length counts as 64 KiB, 16 384 tokens: what cannot be measured is not free.
#[must_use]
pub fn input_tokens(request: &RequestInfo<'_>) -> u64 {
    const UNKNOWN: u64 = 64 * 1024;
    request.body_bytes.unwrap_or(UNKNOWN).div_ceil(4)
}
