use std::fmt;

use http::StatusCode;

/// What happened to a call: one word for all crates, logs, metrics and the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// The provider answered.
    Success,
    /// Over a rate limit that refills by itself: wait, do not break.
    RateLimited,
    /// The provider has no capacity right now (503, 529).
    Overloaded,
    /// The provider failed in some other way (500, 502).
    ServerError,
    /// No answer in time, told by a timer here or by the provider (408, 504).
    Timeout,
    /// The connection could not be made or broke.
    Transport,
    /// Out of credit, over a spend limit or a fixed daily quota: waiting minutes does not help.
    QuotaExhausted,
    /// The key is missing, wrong or revoked.
    Auth,
    /// The key is good, but not for this.
    Permission,
    /// The request is malformed and will be malformed the next time too.
    InvalidRequest,
    /// The prompt does not fit the model's context window.
    ContextLength,
    /// A content filter refused the prompt or the answer.
    ContentPolicy,
    /// No such model, deployment or path.
    NotFound,
    /// The request itself is larger than the provider takes.
    TooLarge,
    /// The request came at a bad moment: a conflict with another one (409), or too early (425).
    Conflict,
    /// Refused by a layer here, before it was sent.
    Rejected,
    /// Nothing above fits.
    Unknown,
}

impl Class {
    /// Every class, in the order of declaration; `ALL[class.index()] == class`.
    pub const ALL: [Self; 17] = [
        Self::Success,
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::Timeout,
        Self::Transport,
        Self::QuotaExhausted,
        Self::Auth,
        Self::Permission,
        Self::InvalidRequest,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::NotFound,
        Self::TooLarge,
        Self::Conflict,
        Self::Rejected,
        Self::Unknown,
    ];

    /// The position in [`Class::ALL`], for tables with a row per class.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The stable name used in logs and metrics, for example `rate_limited`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::InvalidRequest => "invalid_request",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }

    /// Whether another try of the same request can end differently.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Overloaded
                | Self::ServerError
                | Self::Timeout
                | Self::Transport
                | Self::Conflict
        )
    }

    /// Whether it speaks against the provider's health. A rate limit does not: the provider is fine
    /// and we are over quota, which asks for a pause and not for an open circuit.
    #[must_use]
    pub const fn is_provider_fault(self) -> bool {
        matches!(
            self,
            Self::Overloaded | Self::ServerError | Self::Timeout | Self::Transport
        )
    }

    /// The class of a response of which only the status is known.
    ///
    /// Everything below 400 is a success here: a redirect is an answer. 407 and 511 want credentials of
    /// something on the way. 501, 505 and 511 are
    /// final among the 5xx (RFC 9110 section 15.6, RFC 6585 section 6): the next try meets the same
    /// server. 520 to 530 are Cloudflare's, in front of many providers: 522 and 524 are timeouts, 525
    /// a failed handshake with the origin, 526 a bad certificate and so final. 598 and 599 are proxies'
    /// read and connect timeouts.
    #[must_use]
    #[inline]
    pub const fn from_status(status: StatusCode) -> Self {
        match status.as_u16() {
            ..400 => Self::Success,
            status => Self::from_error_status(status),
        }
    }

    const fn from_error_status(status: u16) -> Self {
        match status {
            401 | 407 | 511 => Self::Auth,
            402 => Self::QuotaExhausted,
            403 => Self::Permission,
            404 | 410 => Self::NotFound,
            408 | 504 | 522 | 524 | 598 | 599 => Self::Timeout,
            409 | 425 => Self::Conflict,
            413 => Self::TooLarge,
            429 => Self::RateLimited,
            503 | 529 => Self::Overloaded,
            501 | 505 | 526 => Self::Unknown,
            525 => Self::Transport,
            400..500 => Self::InvalidRequest,
            500..600 => Self::ServerError,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
