//! Undoing a content encoding for the look, with a bound on what comes out. The caller's bytes stay as
//! they came.

use std::borrow::Cow;

use http::{HeaderMap, header};

/// The most that is decoded. A body that holds more is not JSON of an error but a bomb.
#[cfg_attr(
    not(any(
        feature = "gzip",
        feature = "deflate",
        feature = "br",
        feature = "zstd"
    )),
    expect(dead_code, reason = "without a decoder nothing is decoded")
)]
const MOST: usize = 64 * 1024;

/// `body` without its content encoding: empty where that is unknown, broken, or a bomb, so that the
/// status decides.
pub(crate) fn decoded<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else {
        return Cow::Borrowed(body);
    };
    let encoding = encoding.as_bytes().trim_ascii();
    let is = |name: &[u8]| encoding.eq_ignore_ascii_case(name);
    if encoding.is_empty() || is(b"identity") {
        return Cow::Borrowed(body);
    }
    // Some servers name an encoding that a proxy has undone already.
    if body.trim_ascii_start().starts_with(b"{") {
        return Cow::Borrowed(body);
    }
    #[cfg(feature = "gzip")]
    if is(b"gzip") || is(b"x-gzip") {
        return bounded(flate2::read::MultiGzDecoder::new(body));
    }
    #[cfg(feature = "deflate")]
    if is(b"deflate") {
        // RFC 9110 section 8.4.1.2 means the zlib format; some servers send the bare one.
        let zlib = bounded(flate2::read::ZlibDecoder::new(body));
        if !zlib.is_empty() {
            return zlib;
        }
        return bounded(flate2::read::DeflateDecoder::new(body));
    }
    #[cfg(feature = "br")]
    if is(b"br") {
        return bounded(brotli_decompressor::Decompressor::new(body, 4096));
    }
    #[cfg(feature = "zstd")]
    if is(b"zstd") {
        return match ruzstd::decoding::StreamingDecoder::new(body) {
            Ok(decoder) => bounded(decoder),
            Err(_) => Cow::Borrowed(&[]),
        };
    }
    Cow::Borrowed(&[])
}

/// What `reader` gives, if it gives its end within the bound.
#[cfg(any(
    feature = "gzip",
    feature = "deflate",
    feature = "br",
    feature = "zstd"
))]
fn bounded(reader: impl std::io::Read) -> Cow<'static, [u8]> {
    use std::io::Read;

    let mut decoded = Vec::new();
    let read = reader.take(MOST as u64 + 1).read_to_end(&mut decoded);
    match read {
        Ok(len) if len <= MOST => Cow::Owned(decoded),
        _ => Cow::Borrowed(&[]),
    }
}
