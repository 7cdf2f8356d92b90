//! What a keyed layer tells calls apart by: host, header, API key, or anything in the request.
//!
//! A circuit per model or a pause per API key needs a key that is cheap to make for every call, so
//! the keys here copy short text in place and allocate nothing.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Request, Uri};

pub use self::label::Label;

mod label;

/// Makes the key of a request. Implemented for every `Fn(&Parts) -> K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no key of a request",
    label = "not a `RequestKey`",
    note = "pass `ByHost`, `ByHeader`, `BySecret` or `ByExtension` of `tower_steady_core::key`, a tuple of \
            them, or a closure `|parts: &http::request::Parts| ...` that returns an owned key"
)]
pub trait RequestKey {
    /// The key. Printed by `Debug` in events and handles, so it must not be a secret.
    type Key: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static;

    /// The key of the request with this head.
    fn key(&self, parts: &Parts) -> Self::Key;

    /// The key of `request`. Every key here is made without taking the request apart, which this default
    /// does for [`RequestKey::key`].
    #[inline]
    fn of<B>(&self, request: &mut Request<B>) -> Self::Key
    where
        Self: Sized,
    {
        of_parts(self, request)
    }

    /// Whether `known` is the key of `request`, where that is told at less than the price of a key: a
    /// layer compares with the key of the call before, for calls mostly go where the last one went.
    /// False where it is not known, as by default.
    #[inline]
    fn is<B>(&self, _request: &Request<B>, _known: &Self::Key) -> bool
    where
        Self: Sized,
    {
        false
    }
}

/// Takes the head out for a moment; the body stays where it is.
fn of_parts<K: RequestKey, B>(by: &K, request: &mut Request<B>) -> K::Key {
    let mut parts = Request::new(()).into_parts().0;
    swap(&mut parts, request);
    let key = by.key(&parts);
    swap(&mut parts, request);
    // It is the blank one again, which owns nothing; to find that out at run time takes as long as all
    // of the above.
    mem::forget(parts);
    key
}

fn swap<B>(parts: &mut Parts, request: &mut Request<B>) {
    mem::swap(&mut parts.method, request.method_mut());
    mem::swap(&mut parts.uri, request.uri_mut());
    mem::swap(&mut parts.version, request.version_mut());
    mem::swap(&mut parts.headers, request.headers_mut());
    mem::swap(&mut parts.extensions, request.extensions_mut());
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

    #[inline]
    fn of<B>(&self, _: &mut Request<B>) {}

    #[inline]
    fn is<B>(&self, _: &Request<B>, (): &()) -> bool {
        true
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
    fn of<B>(&self, request: &mut Request<B>) -> Label {
        host(request.uri(), request.headers())
    }

    /// A label is in lower case and without user information, and so an authority that equals it is its
    /// own key.
    #[inline]
    fn is<B>(&self, request: &Request<B>, known: &Label) -> bool {
        let authority = request.uri().authority();
        authority.is_some_and(|authority| authority.as_str().as_bytes() == known.bytes())
    }
}

fn host(uri: &Uri, headers: &HeaderMap) -> Label {
    match uri.authority() {
        Some(authority) => Label::host_of(authority.as_str()),
        None => match headers.get(header::HOST) {
            Some(host) => Label::host_of(host.to_str().unwrap_or_default()),
            None => Label::default(),
        },
    }
}

/// By the value of a header, as it is. Events and snapshots show it, so it is not for credentials: see
/// [`BySecret`].
#[derive(Clone, Debug)]
pub struct ByHeader(pub HeaderName);

impl RequestKey for ByHeader {
    type Key = Label;

    fn key(&self, parts: &Parts) -> Label {
        self.value(&parts.headers)
    }

    #[inline]
    fn of<B>(&self, request: &mut Request<B>) -> Label {
        self.value(request.headers())
    }

    #[inline]
    fn is<B>(&self, request: &Request<B>, known: &Label) -> bool {
        let value = request.headers().get(&self.0);
        value.is_some_and(|value| value.as_bytes() == known.bytes())
    }
}

impl ByHeader {
    fn value(&self, headers: &HeaderMap) -> Label {
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

    fn hash(&self, headers: &HeaderMap) -> SecretKey {
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
        self.hash(&parts.headers)
    }

    #[inline]
    fn of<B>(&self, request: &mut Request<B>) -> SecretKey {
        self.hash(request.headers())
    }
}

/// A credential's hash: 128 bits under a key that never leaves the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretKey(Option<[u64; 2]>);

/// Sixteen bits of the hash and no more: they tell two keys apart, not which they are.
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
    fn of<B>(&self, request: &mut Request<B>) -> Option<T> {
        request.extensions().get().cloned()
    }

    #[inline]
    fn is<B>(&self, request: &Request<B>, known: &Option<T>) -> bool {
        request.extensions().get() == known.as_ref()
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

            #[inline]
            fn of<Body>(&self, request: &mut Request<Body>) -> Self::Key {
                let ($($part,)*) = self;
                ($($part.of(request),)*)
            }

            #[inline]
            #[expect(non_snake_case, reason = "a name for each key, beside that of its maker")]
            fn is<Body>(&self, request: &Request<Body>, known: &Self::Key) -> bool {
                let ($($part,)*) = self;
                let ($($Part,)*) = known;
                $($part.is(request, $Part))&&*
            }
        }
    };
}

together!(A a, B b);
together!(A a, B b, C c);
