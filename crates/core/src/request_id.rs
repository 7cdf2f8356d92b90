//! The provider's own id for a request, which is what its support asks for.

use http::HeaderMap;

/// The headers in which providers and the proxies before them send it, first match wins.
pub const HEADERS: [&str; 8] = [
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "x-ms-request-id",
    "x-goog-request-id",
    "x-correlation-id",
    "cf-ray",
];

/// Longer than any id in use; what is longer is not an id.
const MAX_LEN: usize = 128;

/// The request id among `headers`: visible ASCII of at most 128 bytes, so that it is safe to log.
#[must_use]
pub fn find(headers: &HeaderMap) -> Option<&str> {
    if headers.is_empty() {
        return None;
    }
    HEADERS.iter().find_map(|name| {
        let value = headers.get(*name)?.as_bytes();
        let fits = (1..=MAX_LEN).contains(&value.len());
        let visible = value.iter().all(u8::is_ascii_graphic);
        if fits && visible {
            std::str::from_utf8(value).ok()
        } else {
            None
        }
    })
}
