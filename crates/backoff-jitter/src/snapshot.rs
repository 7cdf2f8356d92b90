use std::fmt;
use std::ops::Range;

use bytes::Bytes;
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
    /// How many there are.
    headers: u32,
    buffer: Buffer,
    extras: Extras,
}

/// What a request carries in its extensions. One field and not two, so that where there is nothing, as in
/// most requests, next to nothing is written and moved.
#[derive(Debug)]
enum Extras {
    Nothing,
    /// Only our own notes, which are `Copy` and so need no clone of the map that they stand in.
    Notes(Notes),
    All(Extensions),
}

#[derive(Clone, Copy, Debug)]
struct Notes {
    deadline: Option<Deadline>,
    max_attempts: Option<MaxAttempts>,
    non_idempotent: Option<NonIdempotent>,
}

impl Snapshot {
    /// The head as it is.
    #[inline]
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let mut buffer = Buffer::take();
        let used = write(request, buffer.room()).or_else(|| {
            buffer.restart(size(request));
            write(request, buffer.room())
        });
        buffer.set_used(used.unwrap_or_default());
        let extras = Extras::of(request.extensions());
        Self {
            method: request.method().clone(),
            version: request.version(),
            headers: u32::try_from(request.headers().len()).unwrap_or(u32::MAX),
            buffer,
            extras,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match &self.extras {
            Extras::Nothing => None,
            Extras::Notes(notes) => notes.deadline,
            Extras::All(extensions) => Deadline::of(extensions),
        }
    }

    pub(crate) fn is_non_idempotent(&self) -> bool {
        match &self.extras {
            Extras::Nothing => false,
            Extras::Notes(notes) => notes.non_idempotent.is_some(),
            Extras::All(extensions) => extensions.get::<NonIdempotent>().is_some(),
        }
    }

    /// The head as it was. `None` cannot happen for a head that the safe interface of `http` let be
    /// made.
    pub(crate) fn restore(&self) -> Option<Parts> {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.version = self.version;
        parts.extensions = self.extras.restore();

        // One copy, of which all texts are slices.
        let mut reader = Reader {
            head: Bytes::copy_from_slice(self.buffer.as_slice()),
            at: 0,
        };
        parts.uri = reader.uri()?;
        let headers = usize::try_from(self.headers).ok()?;
        parts.headers.try_reserve(headers).ok()?;
        while reader.at < reader.head.len() {
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

impl Extras {
    #[inline]
    fn of(extensions: &Extensions) -> Self {
        if extensions.is_empty() {
            return Self::Nothing;
        }
        Self::of_some(extensions)
    }

    fn of_some(extensions: &Extensions) -> Self {
        let notes = Notes {
            deadline: extensions.get().copied(),
            max_attempts: extensions.get().copied(),
            non_idempotent: extensions.get().copied(),
        };
        let ours = usize::from(notes.deadline.is_some())
            + usize::from(notes.max_attempts.is_some())
            + usize::from(notes.non_idempotent.is_some());
        if extensions.len() > ours {
            Self::All(extensions.clone())
        } else {
            Self::Notes(notes)
        }
    }

    fn restore(&self) -> Extensions {
        match self {
            Self::Nothing => Extensions::new(),
            Self::Notes(notes) => notes.restore(),
            Self::All(extensions) => extensions.clone(),
        }
    }
}

impl Notes {
    fn restore(self) -> Extensions {
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

/// The head is a row of records of two texts each: scheme and authority, path, then the headers. Before
/// each record stand the lengths: 16 bits for the first text, which `http` keeps below 64 KiB, the
/// sensitive bit, 47 bits for the second.
const PREFIX: usize = 8;
const SENSITIVE: u64 = 1 << 16;
const SECOND: u32 = 17;

/// Writes the head and says how long it is; `None` where it does not fit into `room`.
fn write<B>(request: &Request<B>, room: &mut [u8]) -> Option<usize> {
    let most = room.len();
    let (origin, path) = texts(request.uri());
    let mut rest = put(room, origin, false)?;
    rest = put(rest, ("", path.as_bytes()), false)?;
    for (name, value) in request.headers() {
        let texts = (name.as_str(), value.as_bytes());
        rest = put(rest, texts, value.is_sensitive())?;
    }
    Some(most - rest.len())
}

/// How long the head will be.
#[cold]
fn size<B>(request: &Request<B>) -> usize {
    let (origin, path) = texts(request.uri());
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| PREFIX + name.as_str().len() + value.len());
    2 * PREFIX + origin.0.len() + origin.1.len() + path.len() + headers.sum::<usize>()
}

/// Scheme and authority, and the path with its query; empty where there is none, as neither is ever
/// empty itself.
#[inline]
fn texts(uri: &Uri) -> ((&str, &[u8]), &str) {
    let authority = uri.authority().map_or("", Authority::as_str);
    let path = match uri.path_and_query() {
        // An empty path reads as "/" here, which is another URI.
        Some(path) if !uri.path().is_empty() => path.as_str(),
        _ => "",
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    ((scheme, authority.as_bytes()), path)
}

/// Writes a record and returns the room after it.
#[inline]
fn put<'a>(
    room: &'a mut [u8],
    (first, second): (&str, &[u8]),
    sensitive: bool,
) -> Option<&'a mut [u8]> {
    let lengths = first.len() as u64 | (second.len() as u64) << SECOND;
    let prefix = lengths | if sensitive { SENSITIVE } else { 0 };
    let (before, room) = room.split_first_chunk_mut::<PREFIX>()?;
    *before = prefix.to_ne_bytes();
    let (here, room) = room.split_at_mut_checked(first.len())?;
    here.copy_from_slice(first.as_bytes());
    let (here, room) = room.split_at_mut_checked(second.len())?;
    here.copy_from_slice(second);
    Some(room)
}

struct Reader {
    head: Bytes,
    at: usize,
}

impl Reader {
    fn uri(&mut self) -> Option<Uri> {
        let (scheme, authority, _) = self.record()?;
        let (_, path, _) = self.record()?;
        let mut parts = http::uri::Parts::default();
        if !scheme.is_empty() {
            parts.scheme = Some(Scheme::try_from(&self.head[scheme]).ok()?);
        }
        if !authority.is_empty() {
            parts.authority = Some(Authority::from_maybe_shared(self.slice(authority)).ok()?);
        }
        if !path.is_empty() {
            parts.path_and_query = Some(PathAndQuery::from_maybe_shared(self.slice(path)).ok()?);
        }
        Uri::from_parts(parts).ok()
    }

    fn header(&mut self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value, sensitive) = self.record()?;
        let mut value = HeaderValue::from_maybe_shared(self.slice(value)).ok()?;
        value.set_sensitive(sensitive);
        Some((HeaderName::from_bytes(&self.head[name]).ok()?, value))
    }

    fn slice(&self, text: Range<usize>) -> Bytes {
        self.head.slice(text)
    }

    /// Where the two texts stand, and the sensitive bit. Both are within the head.
    fn record(&mut self) -> Option<(Range<usize>, Range<usize>, bool)> {
        let (prefix, rest) = self.head.get(self.at..)?.split_first_chunk::<PREFIX>()?;
        let prefix = u64::from_ne_bytes(*prefix);
        let (first, second) = (usize::from(prefix as u16), (prefix >> SECOND) as usize);
        if first.checked_add(second)? > rest.len() {
            return None;
        }
        let begin = self.at + PREFIX;
        let middle = begin + first;
        self.at = middle + second;
        Some((begin..middle, middle..self.at, prefix & SENSITIVE != 0))
    }
}
