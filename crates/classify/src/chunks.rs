use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;
use http::HeaderMap;

/// The part of a body that was looked at, as it came: the same chunks in the same order. The first
/// one, mostly the only one, is kept in place.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    len: usize,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Chunks {
    pub(crate) fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        if self.first.is_none() && self.more.is_empty() {
            self.first = Some(chunk);
        } else {
            self.more.push_back(chunk);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.first.take().or_else(|| self.more.pop_front())?;
        self.len -= chunk.len();
        Some(chunk)
    }

    /// The bytes that are left.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty() && self.trailers.is_none()
    }

    /// The first `limit` bytes in one piece, copied only if they came in several.
    pub(crate) fn head(&self, limit: usize) -> Cow<'_, [u8]> {
        if self.more.is_empty() {
            let only = self.first.as_deref().unwrap_or_default();
            return Cow::Borrowed(&only[..only.len().min(limit)]);
        }
        let mut bytes = Vec::with_capacity(self.len.min(limit));
        for chunk in self.first.iter().chain(&self.more) {
            let room = limit - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        Cow::Owned(bytes)
    }
}
