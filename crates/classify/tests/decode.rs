//! Encoded error bodies: decoded for the look, handed on as they came, and no bombs.
#![cfg(all(
    feature = "gzip",
    feature = "deflate",
    feature = "br",
    feature = "zstd"
))]

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tower_steady_classify::classify_response;
use tower_steady_core::Class;

const QUOTA: &[u8] = br#"{"error":{"code":"insufficient_quota","message":"pay"}}"#;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let params = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut &*plain, &mut encoded, &params).unwrap();
    encoded
}

fn class(encoding: &'static str, body: &[u8]) -> Class {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    classify_response(StatusCode::TOO_MANY_REQUESTS, &headers, body, None).class
}

type Encode = fn(&[u8]) -> Vec<u8>;

const ENCODINGS: [(&str, Encode); 6] = [
    ("gzip", gzip),
    ("X-GZIP", gzip),
    ("deflate", zlib),
    // What RFC 9110 section 8.4.1.2 warns of: the bare format under the same name.
    ("deflate", deflate),
    ("br", brotli),
    ("zstd", zstd),
];

#[test]
fn encoded_body_is_read() {
    for (name, encode) in ENCODINGS {
        assert_eq!(class(name, &encode(QUOTA)), Class::QuotaExhausted, "{name}");
    }
}

#[test]
fn bomb_is_judged_by_its_status() {
    // The facts come first, then 4 MiB of white space.
    let mut bomb = QUOTA.to_vec();
    bomb.resize(4 * 1024 * 1024, b' ');
    for (name, encode) in ENCODINGS {
        let encoded = encode(&bomb);
        assert!(encoded.len() < 64 * 1024, "{name} is a bomb");
        assert_eq!(class(name, &encoded), Class::RateLimited, "{name}");
    }
}

#[test]
fn cut_broken_or_unknown_encoding_is_judged_by_status() {
    for (name, encode) in ENCODINGS {
        let encoded = encode(QUOTA);
        assert_eq!(
            class(name, &encoded[..encoded.len() / 2]),
            Class::RateLimited,
            "{name}"
        );
        assert_eq!(class(name, b"\x01\x02\x03"), Class::RateLimited, "{name}");
    }
    assert_eq!(class("compress", &gzip(QUOTA)), Class::RateLimited);
    assert_eq!(class("gzip, br", &gzip(QUOTA)), Class::RateLimited);
}

#[test]
fn plain_body_under_a_name_that_a_proxy_left_is_read() {
    assert_eq!(class("gzip", QUOTA), Class::QuotaExhausted);
    assert_eq!(class("identity", QUOTA), Class::QuotaExhausted);
}
