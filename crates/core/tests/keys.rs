//! Keys of requests: what they tell apart, and what they do not tell.

use std::hash::{BuildHasher, RandomState};

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Request, Uri};
use tower_steady_core::key::{
    ByExtension, ByHeader, ByHost, BySecret, Everything, Label, Model, RequestKey,
};

fn request(uri: &str, host: Option<&'static [u8]>) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = uri.parse::<Uri>().unwrap();
    if let Some(host) = host {
        let host = HeaderValue::from_bytes(host).unwrap();
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// The key, made both ways.
fn key<K: RequestKey>(by: &K, mut request: Request<()>) -> K::Key {
    let of_request = by.of(&mut request);
    let (parts, ()) = request.into_parts();
    let key = by.key(&parts);
    assert_eq!(of_request, key, "one key, not two");
    key
}

#[test]
fn a_host_is_the_authority_in_lower_case_without_user() {
    let long = "Sub.".repeat(20) + "example.com:8443";
    let table: &[(&str, Option<&'static [u8]>, &str)] = &[
        ("https://api.example.com/v1", None, "api.example.com"),
        (
            "https://API.Example.COM:8443/v1",
            None,
            "api.example.com:8443",
        ),
        (
            "https://user:Secret@API.example.com/",
            None,
            "api.example.com",
        ),
        (
            "https://Secret@api.example.com:1/",
            None,
            "api.example.com:1",
        ),
        ("https://[2001:DB8::1]:443/", None, "[2001:db8::1]:443"),
        ("https://[::1]/", None, "[::1]"),
        // The URI goes before the header.
        ("https://a/", Some(b"b"), "a"),
        ("/v1", Some(b"API.example.com"), "api.example.com"),
        ("/v1", Some(b"\xff"), ""),
        ("/v1", None, ""),
    ];
    for (uri, host, expected) in table {
        let label = key(&ByHost, request(uri, *host));
        assert_eq!(label.as_str(), *expected, "{uri} {host:?}");
    }
    for user in ["", "user:Secret@"] {
        let label = key(&ByHost, request(&format!("https://{user}{long}/"), None));
        assert_eq!(label.as_str(), long.to_lowercase());
    }
    // A user that does not fit in place, before a host that does.
    let user = "u".repeat(100);
    let label = key(&ByHost, request(&format!("https://{user}@Short/"), None));
    assert_eq!(label.as_str(), "short");
}

#[test]
fn a_label_is_its_text_however_long() {
    let hasher = RandomState::new();
    let mut labels = Vec::new();
    for len in [0, 1, 15, 16, 61, 62, 63, 64, 65, 255, 256, 300] {
        let mut text = "Ab".repeat(len)[..len].to_owned();
        if len > 60 {
            text.replace_range(..2, "é");
        }
        let (label, lower) = (Label::new(&text), Label::lower(&text));
        assert_eq!(label.as_str(), text);
        assert_eq!(lower.as_str(), text.to_ascii_lowercase());
        assert_eq!(label, Label::new(&text));
        assert_eq!(hasher.hash_one(&label), hasher.hash_one(Label::new(&text)));
        assert_eq!(format!("{label} {label:?}"), format!("{text} {text:?}"));
        labels.push(label);
    }
    labels.push(Label::new("A\0"));
    for (index, label) in labels.iter().enumerate() {
        assert!(!labels[..index].contains(label), "{label:?}");
    }
    assert_eq!(Label::default(), Label::new(""));
}

#[test]
fn a_secret_is_told_apart_and_not_told() {
    let by = BySecret::api_key();
    let with = |name: &'static str, value: &'static str| {
        let mut request = request("/", None);
        let name = HeaderName::from_static(name);
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        key(&by, request)
    };
    let one = with("x-api-key", "sk-secret");
    assert_eq!(one, with("x-api-key", "sk-secret"));
    assert_ne!(one, with("x-api-key", "sk-other"));
    assert_ne!(one, key(&by, request("/", None)));
    assert!(!format!("{one:?}").contains("secret"));
    // Another process, or another layer, has hashes of its own.
    assert_ne!(one, {
        let mut request = request("/", None);
        request
            .headers_mut()
            .insert("x-api-key", HeaderValue::from_static("sk-secret"));
        key(&BySecret::api_key(), request)
    });
}

#[test]
fn a_request_that_is_not_taken_apart_gives_the_key_of_its_parts() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Model(&'static str);

    let make = || {
        let mut request = request("https://a/", None);
        request
            .headers_mut()
            .insert("x-tenant", HeaderValue::from_bytes(b"T\xff").unwrap());
        request.extensions_mut().insert(Model("large"));
        request
    };
    let by_header = ByHeader(HeaderName::from_static("x-tenant"));
    assert_eq!(key(&by_header, make()).as_str(), "T\u{fffd}");
    assert_eq!(key(&ByExtension::new(), make()), Some(Model("large")));
    assert_eq!(key(&ByExtension::<u8>::new(), make()), None);
    key(&Everything, make());
    key(&(ByHost, by_header), make());
    // A function wants the parts, and gets all of them.
    let path = |parts: &Parts| format!("{parts:?}");
    let mut request = make();
    let (before, key) = (format!("{request:?}"), key(&path, make()));
    assert_eq!(path.of(&mut request), key);
    assert_eq!(format!("{request:?}"), before);
}

#[test]
fn what_is_known_to_be_the_key_is_the_key() {
    let of = |uri: &str, tenant: Option<&'static [u8]>| {
        let mut request = request(uri, None);
        if let Some(tenant) = tenant {
            let tenant = HeaderValue::from_bytes(tenant).unwrap();
            request.headers_mut().insert("x-tenant", tenant);
        }
        request.extensions_mut().insert(Model::new(uri));
        request
    };
    let requests = [
        of("https://a/", Some(b"a")),
        of("https://A/", Some(b"A")),
        of("https://user@a/", Some(b"a")),
        of("https://a:1/", Some(b"T\xff")),
        of("/path", Some("T\u{fffd}".as_bytes())),
    ];
    // Each key against each request: never true of another key, and true where a call repeats.
    fn check<K: RequestKey>(by: &K, requests: &[Request<()>], repeats: usize) {
        let mut known = 0;
        for one in requests {
            let key = key(by, one.clone());
            for (index, other) in requests.iter().enumerate() {
                let is = by.is(other, &key);
                let same = key == self::key(by, other.clone());
                assert!(same || !is, "{key:?} is not that of request {index}");
                known += usize::from(is);
            }
        }
        assert_eq!(known, repeats);
    }
    let by_header = ByHeader(HeaderName::from_static("x-tenant"));
    // "https://a/" is known by its own key, and by those of "https://A/" and "https://user@a/".
    check(&ByHost, &requests, 4);
    check(&by_header, &requests, 7);
    check(&(ByHost, by_header), &requests, 2);
    check(&ByExtension::<Model>::new(), &requests, 5);
    check(&Everything, &requests, 25);
    check(&BySecret::api_key(), &requests, 0);
    check(&|parts: &Parts| parts.uri.clone(), &requests, 0);
}
