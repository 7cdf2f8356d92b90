//! What a keyed layer tells calls apart by: host, header, API key, or anything in the request.
//!
//! A circuit per model or a pause per API key needs a key that is cheap to make for every call, so
//! the keys here copy short text in place and allocate nothing.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Request, Uri};

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

    /// The key of this request, where the request need not be taken apart for it: that moves all of
    /// it twice, which costs as much as a short key. `None`: it is to be taken apart for
    /// [`RequestKey::key`], which gives the same key.
    #[inline]
    fn whole<B>(&self, _request: &Request<B>) -> Option<Self::Key>
    where
        Self: Sized,
    {
        self.constant()
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
        host(&parts.uri, &parts.headers)
    }

    #[inline]
    fn whole<B>(&self, request: &Request<B>) -> Option<Label> {
        Some(host(request.uri(), request.headers()))
    }
}

fn host(uri: &Uri, headers: &HeaderMap) -> Label {
    match uri.authority() {
        Some(authority) => Label::host_of(authority.as_str()),
        None => match headers.get(header::HOST) {
            Some(host) => Label::lower(host.to_str().unwrap_or_default()),
            None => Label::default(),
        },
    }
}

/// By the value of a header, as it is. Not for credentials: see [`BySecret`].
#[derive(Clone, Debug)]
pub struct ByHeader(pub HeaderName);

impl RequestKey for ByHeader {
    type Key = Label;

    fn key(&self, parts: &Parts) -> Label {
        self.of(&parts.headers)
    }

    #[inline]
    fn whole<B>(&self, request: &Request<B>) -> Option<Label> {
        Some(self.of(request.headers()))
    }
}

impl ByHeader {
    fn of(&self, headers: &HeaderMap) -> Label {
        let value = headers.get(&self.0);
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

    fn of(&self, headers: &HeaderMap) -> SecretKey {
        let value = self.names.iter().find_map(|name| headers.get(name));
        SecretKey(value.map(|value| {
            self.hashers
                .each_ref()
                .map(|hasher| hasher.hash_one(value.as_bytes()))
        }))
    }
}

impl RequestKey for BySecret {
    type Key = SecretKey;

    fn key(&self, parts: &Parts) -> SecretKey {
        self.of(&parts.headers)
    }

    #[inline]
    fn whole<B>(&self, request: &Request<B>) -> Option<SecretKey> {
        Some(self.of(request.headers()))
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

    #[inline]
    fn whole<B>(&self, request: &Request<B>) -> Option<Option<T>> {
        Some(request.extensions().get().cloned())
    }
}

/// The model that a request asks, noted in its extensions by whoever knows.
///
/// It stands in the body, where no layer looks, and yet providers fail and limit by model. A keyed
/// layer tells models apart by `ByExtension::<Model>::new()`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model(Label);

impl Model {
    /// The model with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Label::new(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// By several things at once.
macro_rules! together {
    ($($Part:ident $part:ident),*) => {
        impl<$($Part: RequestKey),*> RequestKey for ($($Part,)*) {
            type Key = ($($Part::Key,)*);

            fn key(&self, parts: &Parts) -> Self::Key {
                let ($($part,)*) = self;
                ($($part.key(parts),)*)
            }

            fn constant(&self) -> Option<Self::Key> {
                let ($($part,)*) = self;
                Some(($($part.constant()?,)*))
            }

            #[inline]
            fn whole<Body>(&self, request: &Request<Body>) -> Option<Self::Key> {
                let ($($part,)*) = self;
                Some(($($part.whole(request)?,)*))
            }
        }
    };
}

together!(A a, B b);
together!(A a, B b, C c);

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

    /// What is worked on at once: whole vectors.
    const BLOCK: usize = 64;

    /// A copy of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::inline(text, |_| {}).unwrap_or_else(|| Self(Repr::Shared(text.into())))
    }

    /// A copy of `text` in lower case (ASCII).
    #[must_use]
    pub fn lower(text: &str) -> Self {
        Self::inline(text, |block| block.make_ascii_lowercase())
            .unwrap_or_else(|| Self(Repr::Shared(text.to_ascii_lowercase().into())))
    }

    /// `text` in place, if it fits, after `change` of the zero-padded copy.
    #[inline]
    fn inline(text: &str, change: impl FnOnce(&mut [u8; Self::BLOCK])) -> Option<Self> {
        let len = u8::try_from(text.len()).ok()?;
        let mut block = [0; Self::BLOCK];
        block[..Self::INLINE]
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        change(&mut block);
        let mut bytes = [0; Self::INLINE];
        bytes.copy_from_slice(&block[..Self::INLINE]);
        Some(Self(Repr::Inline { len, bytes }))
    }

    /// Host and port of an authority, without user information, which may be a secret.
    fn host_of(authority: &str) -> Self {
        let mut has_user = false;
        let whole = Self::inline(authority, |block| {
            block.make_ascii_lowercase();
            // The whole block, without an early way out: a vector at a time, which is cheaper than
            // to search a short text.
            has_user = block
                .iter()
                .fold(false, |found, byte| found | (*byte == b'@'));
        });
        match whole {
            Some(label) if !has_user => label,
            _ => Self::lower(
                authority
                    .rsplit_once('@')
                    .map_or(authority, |(_, host)| host),
            ),
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
        // As `str` does it: the end marked, not the length said first.
        state.write(self.bytes());
        state.write_u8(0xff);
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
