use http::Request;
use tower_steady_core::{Deadline, TryClone};

use crate::snapshot::Snapshot;

/// What is kept of a request, to send it again.
#[derive(Debug)]
pub(crate) enum Copy<B> {
    /// Nothing: this is the last try that is allowed.
    Last,
    /// Nothing: the request can be sent once only.
    Once,
    /// Head and body.
    Kept(Snapshot, B),
}

impl<B: TryClone> Copy<B> {
    /// Made before a try, as far as `tries` more, that one included, are allowed.
    #[inline]
    pub(crate) fn of(request: &Request<B>, tries: u32) -> Self {
        if tries <= 1 {
            return Self::Last;
        }
        match request.body().try_clone() {
            Some(body) => Self::Kept(Snapshot::of(request), body),
            None => Self::Once,
        }
    }

    /// The request again.
    pub(crate) fn restore(&self) -> Option<Request<B>> {
        let Self::Kept(head, body) = self else {
            return None;
        };
        let body = body.try_clone()?;
        Some(Request::from_parts(head.restore()?, body))
    }
}

impl<B> Copy<B> {
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Last)
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Kept(head, _) => head.deadline(),
            Self::Last | Self::Once => None,
        }
    }

    pub(crate) fn is_non_idempotent(&self) -> bool {
        match self {
            Self::Kept(head, _) => head.is_non_idempotent(),
            Self::Last | Self::Once => false,
        }
    }
}
