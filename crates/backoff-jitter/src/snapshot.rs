use std::fmt;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Extensions, Method, Request, Uri, Version};
use tower_steady_core::Deadline;

use crate::{MaxAttempts, NonIdempotent};

/// A request's head, flat in one buffer: a third of the price of cloning a `HeaderMap`, paid by every
/// call, for a higher price of restoring it, paid by those that fail.
pub(crate) struct Snapshot {
    method: Method,
    version: Version,
    /// URI, then headers; each text behind its length.
    buffer: Vec<u8>,
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
    /// The head as it is; `None` for a header value of 2 GiB and more.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let (notes, extensions) = Notes::lift(request.extensions());
        let mut writer = Writer(Vec::with_capacity(size_hint(request)));
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

        let mut reader = Reader(&self.buffer);
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
            .field("bytes", &self.buffer.len())
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

/// The bytes before each header: the length of its name, and of its value with the sensitive bit.
const PREFIX: usize = 8;
/// The bytes before the URI: the lengths of its three parts. `ABSENT` for a part that is not there.
const URI_PREFIX: usize = 12;
const ABSENT: u32 = u32::MAX;

fn size_hint<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let uri = uri.scheme_str().map_or(0, str::len)
        + uri
            .authority()
            .map_or(0, |authority| authority.as_str().len())
        + uri.path_and_query().map_or(0, |path| path.as_str().len());
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| PREFIX + name.as_str().len() + value.len())
        .sum();
    URI_PREFIX + uri + headers
}

struct Writer(Vec<u8>);

impl Writer {
    fn uri(&mut self, uri: &Uri) {
        let scheme = uri.scheme_str();
        let authority = uri.authority().map(Authority::as_str);
        // An empty path reads as "/" through `PathAndQuery`, which is another URI.
        let path = uri
            .path_and_query()
            .filter(|_| !uri.path().is_empty())
            .map(PathAndQuery::as_str);
        for part in [scheme, authority, path] {
            // `http` refuses a URI of 64 KiB and more.
            let len = part.map_or(ABSENT, |part| part.len() as u32);
            self.0.extend_from_slice(&len.to_ne_bytes());
        }
        for part in [scheme, authority, path].into_iter().flatten() {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    fn header(&mut self, name: &HeaderName, value: &HeaderValue) -> Option<()> {
        let name = name.as_str().as_bytes();
        let len = u32::try_from(value.len())
            .ok()
            .filter(|len| len >> 31 == 0)?;
        let tagged = len << 1 | u32::from(value.is_sensitive());
        // `http` refuses a name of 64 KiB and more.
        let prefix = u64::from(tagged) << 32 | name.len() as u64;
        self.0.extend_from_slice(&prefix.to_ne_bytes());
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(value.as_bytes());
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
        let tagged = (prefix >> 32) as u32;
        let name = self.take(prefix as u32 as usize)?;
        let mut value = HeaderValue::from_bytes(self.take((tagged >> 1) as usize)?).ok()?;
        value.set_sensitive(tagged & 1 == 1);
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
