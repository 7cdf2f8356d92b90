use std::fmt;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Extensions, Method, Request, Uri, Version};
use tower_steady_core::Deadline;

use crate::buffer::Buffer;
use crate::{MaxAttempts, NonIdempotent};

/// A request's head, flat in one buffer: a third of the price of cloning a `HeaderMap`, paid by every
/// call, for a higher price of restoring it, paid by those that fail.
pub(crate) struct Snapshot {
    method: Method,
    version: Version,
    /// URI, then headers; each text behind its length.
    buffer: Buffer,
    notes: Notes,
    /// Everything, where a request carries more than our own notes.
    extensions: Extensions,
}

/// Our own notes, which are `Copy` and so need no clone of the map that they stand in.
#[derive(Clone, Copy, Debug, Default)]
struct Notes {
    deadline: Option<Deadline>,
    max_attempts: Option<MaxAttempts>,
    non_idempotent: Option<NonIdempotent>,
}

impl Snapshot {
    /// The head as it is; `None` for a header value of 4 GiB and more.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let (notes, extensions) = Notes::lift(request.extensions());
        let mut writer = Writer(Buffer::take());
        writer.uri(request.uri());
        for (name, value) in request.headers() {
            writer.header(name, value)?;
        }
        Some(Self {
            method: request.method().clone(),
            version: request.version(),
            buffer: writer.0,
            notes,
            extensions,
        })
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.notes.deadline
    }

    pub(crate) fn is_non_idempotent(&self) -> bool {
        self.notes.non_idempotent.is_some()
    }

    /// The head as it was. `None` cannot happen for a head that the safe interface of `http` let be
    /// made.
    pub(crate) fn restore(&self) -> Option<Parts> {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.version = self.version;
        parts.extensions = self.notes.put_into(&self.extensions);

        let mut reader = Reader(self.buffer.as_slice());
        parts.uri = reader.uri()?;
        while !reader.0.is_empty() {
            let (name, value) = reader.header()?;
            parts.headers.try_append(name, value).ok()?;
        }
        Some(parts)
    }
}

/// Never a header's value, and no URI either, for a query may hold a key.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("method", &self.method)
            .field("bytes", &self.buffer.as_slice().len())
            .finish_non_exhaustive()
    }
}

impl Notes {
    /// Our notes, and a clone of the whole where there is more than they.
    fn lift(extensions: &Extensions) -> (Self, Extensions) {
        if extensions.is_empty() {
            return Default::default();
        }
        let notes = Self {
            deadline: extensions.get().copied(),
            max_attempts: extensions.get().copied(),
            non_idempotent: extensions.get().copied(),
        };
        let ours = usize::from(notes.deadline.is_some())
            + usize::from(notes.max_attempts.is_some())
            + usize::from(notes.non_idempotent.is_some());
        if extensions.len() > ours {
            (notes, extensions.clone())
        } else {
            (notes, Extensions::new())
        }
    }

    fn put_into(self, extensions: &Extensions) -> Extensions {
        if !extensions.is_empty() {
            return extensions.clone();
        }
        let mut extensions = Extensions::new();
        if let Some(deadline) = self.deadline {
            extensions.insert(deadline);
        }
        if let Some(max_attempts) = self.max_attempts {
            extensions.insert(max_attempts);
        }
        if let Some(non_idempotent) = self.non_idempotent {
            extensions.insert(non_idempotent);
        }
        extensions
    }
}

/// The bytes before each header: the lengths of its value and its name, and the sensitive bit.
const PREFIX: usize = 8;
const SENSITIVE: u64 = 1 << 31;
/// The length of a part of the URI that is not there.
const ABSENT: u32 = u32::MAX;

struct Writer(Buffer);

impl Writer {
    fn uri<'a>(&mut self, uri: &'a Uri) {
        let scheme = uri.scheme_str();
        let authority = uri.authority().map(Authority::as_str);
        // An empty path reads as "/" through `PathAndQuery`, which is another URI.
        let path = uri
            .path_and_query()
            .filter(|_| !uri.path().is_empty())
            .map(PathAndQuery::as_str);
        // `http` refuses a URI of 64 KiB and more.
        let len = |part: Option<&str>| part.map_or(ABSENT, |part| part.len() as u32).to_ne_bytes();
        let bytes = |part: Option<&'a str>| part.unwrap_or_default().as_bytes();
        self.0.put([
            &len(scheme),
            &len(authority),
            &len(path),
            bytes(scheme),
            bytes(authority),
            bytes(path),
        ]);
    }

    fn header(&mut self, name: &HeaderName, value: &HeaderValue) -> Option<()> {
        let name = name.as_str().as_bytes();
        if value.len() > u32::MAX as usize {
            return None;
        }
        // `http` refuses a name of 64 KiB and more, which leaves room for the sensitive bit.
        let tag = if value.is_sensitive() { SENSITIVE } else { 0 };
        let prefix = (value.len() as u64) << 32 | tag | name.len() as u64;
        self.0.put([&prefix.to_ne_bytes(), name, value.as_bytes()]);
        Some(())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn uri(&mut self) -> Option<Uri> {
        let scheme = self.len()?;
        let authority = self.len()?;
        let path = self.len()?;
        let mut parts = http::uri::Parts::default();
        if scheme != ABSENT {
            parts.scheme = Some(Scheme::try_from(self.take(scheme as usize)?).ok()?);
        }
        if authority != ABSENT {
            parts.authority = Some(Authority::try_from(self.take(authority as usize)?).ok()?);
        }
        if path != ABSENT {
            parts.path_and_query = Some(PathAndQuery::try_from(self.take(path as usize)?).ok()?);
        }
        Uri::from_parts(parts).ok()
    }

    fn header(&mut self) -> Option<(HeaderName, HeaderValue)> {
        let prefix = u64::from_ne_bytes(self.take(PREFIX)?.try_into().ok()?);
        let name = self.take(usize::from(prefix as u16))?;
        let mut value = HeaderValue::from_bytes(self.take((prefix >> 32) as usize)?).ok()?;
        value.set_sensitive(prefix & SENSITIVE != 0);
        Some((HeaderName::from_bytes(name).ok()?, value))
    }

    fn len(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.take(4)?.try_into().ok()?))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}
