//! What a keyed layer tells calls apart by: host, header, API key, or anything in the request.
//!
//! A circuit per model or a pause per API key needs a key that is cheap to make for every call, so
//! the keys here copy short text in place and allocate nothing.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use http::header::{self, HeaderName};
use http::request::Parts;

/// Makes the key of a request. Implemented for every `Fn(&Parts) -> K`.
pub trait RequestKey {
    /// The key. Printed by `Debug` in events and handles, so it must not be a secret.
    type Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static;

    /// The key of the request with this head.
    fn key(&self, parts: &Parts) -> Self::Key;

    /// The key, where it is the same for every request: then no request is taken apart for it.
    fn constant(&self) -> Option<Self::Key> {
        None
    }
}

impl<F, K> RequestKey for F
where
    F: Fn(&Parts) -> K,
    K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static,
{
    type Key = K;

    fn key(&self, parts: &Parts) -> K {
        self(parts)
    }
}

/// Every request has the same key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everything;

impl RequestKey for Everything {
    type Key = ();

    fn key(&self, _: &Parts) {}

    fn constant(&self) -> Option<()> {
        Some(())
    }
}

/// By the host and port of the URI, else of the `Host` header, in lower case.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByHost;

impl RequestKey for ByHost {
    type Key = Label;

    fn key(&self, parts: &Parts) -> Label {
        match parts.uri.authority() {
            // Without user information, which may be a secret.
            Some(authority) => {
                let text = authority.as_str();
                Label::lower(text.rsplit_once('@').map_or(text, |(_, host)| host))
            }
            None => match parts.headers.get(header::HOST) {
                Some(host) => Label::lower(host.to_str().unwrap_or_default()),
                None => Label::default(),
            },
        }
    }
}

/// By the value of a header, as it is. Not for credentials: see [`BySecret`].
#[derive(Clone, Debug)]
pub struct ByHeader(pub HeaderName);

impl RequestKey for ByHeader {
    type Key = Label;

    fn key(&self, parts: &Parts) -> Label {
        let value = parts.headers.get(&self.0);
        value.map_or_else(Label::default, |value| {
            Label::new(&String::from_utf8_lossy(value.as_bytes()))
        })
    }
}

/// By a header that holds a credential: hashed with a key of this process, never kept, never printed.
#[derive(Clone, Debug)]
pub struct BySecret {
    names: Arc<[HeaderName]>,
    hashers: Arc<[RandomState; 2]>,
}

impl BySecret {
    /// By the first of these headers that the request has.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self {
            names: names.into_iter().collect(),
            hashers: Arc::new([RandomState::new(), RandomState::new()]),
        }
    }

    /// By the headers in which providers take an API key: `authorization`, `x-api-key`, `api-key`,
    /// `x-goog-api-key`.
    #[must_use]
    pub fn api_key() -> Self {
        Self::new([
            header::AUTHORIZATION,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static("api-key"),
            HeaderName::from_static("x-goog-api-key"),
        ])
    }
}

impl RequestKey for BySecret {
    type Key = SecretKey;

    fn key(&self, parts: &Parts) -> SecretKey {
        let value = self.names.iter().find_map(|name| parts.headers.get(name));
        SecretKey(value.map(|value| {
            self.hashers
                .each_ref()
                .map(|hasher| hasher.hash_one(value.as_bytes()))
        }))
    }
}

/// A credential's hash: 128 bits under a key that never leaves the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretKey(Option<[u64; 2]>);

/// Not even the hash is printed: it tells two keys apart, not which they are.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some([tag, _]) => write!(f, "key-{:04x}", tag & 0xffff),
            None => f.write_str("no key"),
        }
    }
}

/// By a value in the request's extensions, such as the model that an outer layer has read.
pub struct ByExtension<T>(PhantomData<fn() -> T>);

impl<T> ByExtension<T> {
    /// By the extension of type `T`; a request without one has the key `None`.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for ByExtension<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for ByExtension<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for ByExtension<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByExtension<{}>", std::any::type_name::<T>())
    }
}

impl<T> RequestKey for ByExtension<T>
where
    T: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static,
{
    type Key = Option<T>;

    fn key(&self, parts: &Parts) -> Option<T> {
        parts.extensions.get().cloned()
    }
}

/// A short text that is copied in place up to [`Label::INLINE`] bytes and shared beyond.
#[derive(Clone)]
pub struct Label(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; Label::INLINE] },
    Shared(Arc<str>),
}

impl Label {
    /// What fits in place: longer than the host name of any provider.
    pub const INLINE: usize = 62;

    /// A copy of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match u8::try_from(text.len()) {
            Ok(len) if text.len() <= Self::INLINE => {
                let mut bytes = [0; Self::INLINE];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                Self(Repr::Inline { len, bytes })
            }
            _ => Self(Repr::Shared(text.into())),
        }
    }

    /// A copy of `text` in lower case (ASCII).
    #[must_use]
    pub fn lower(text: &str) -> Self {
        match Self::new(text) {
            Self(Repr::Inline { len, mut bytes }) => {
                bytes.make_ascii_lowercase();
                Self(Repr::Inline { len, bytes })
            }
            Self(Repr::Shared(text)) => Self(Repr::Shared(text.to_ascii_lowercase().into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Always valid: the bytes are a whole `str`, or one in ASCII lower case.
            Repr::Inline { len, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default()
            }
            Repr::Shared(text) => text,
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(text) => text.as_bytes(),
        }
    }
}

impl Default for Label {
    fn default() -> Self {
        Self::new("")
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
