//! Identifiers: the words that providers mean for machines.

use std::borrow::Cow;

/// An identifier as a rule writes it. Compared without case and without `_`, `-`, `.` and spaces, so
/// that `rate_limit_reached` is also `RateLimitReached` and `throttlingException` is
/// `ThrottlingException`; otherwise compared whole, never as a part of something longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    hash: u64,
    text: &'static str,
}

impl Name {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self {
            hash: hash(text.as_bytes()),
            text,
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// An identifier found in a response, with its hash, by which the
/// rules that ask for it are found.
#[derive(Clone, Debug)]
pub(crate) struct Id<'a> {
    hash: u64,
    text: Cow<'a, str>,
}

impl<'a> Id<'a> {
    /// Strips what AWS puts around the name: `ns#Name` in a body, `Name:http://…` in a header.
    pub(crate) fn new(text: Cow<'a, str>) -> Self {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(bare(text)),
            Cow::Owned(text) if bare(&text).len() == text.len() => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(bare(&text).to_owned()),
        };
        Self {
            hash: hash(text.as_bytes()),
            text,
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn is(&self, name: &Name) -> bool {
        // The hash finds, the text proves: two words may share a hash.
        self.hash == name.hash && same(self.text.as_bytes(), name.text.as_bytes())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_owned(self) -> Id<'static> {
        Id {
            hash: self.hash,
            text: Cow::Owned(self.text.into_owned()),
        }
    }
}

fn bare(text: &str) -> &str {
    let start = text.bytes().rposition(|byte| byte == b'#');
    let text = start.map_or(text, |at| &text[at + 1..]);
    let end = text.bytes().position(|byte| byte == b':');
    match end {
        Some(at) if text[at..].starts_with(":http") => &text[..at],
        _ => text,
    }
}

const fn skipped(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b' ')
}

/// FNV-1a over the letters that count.
const fn hash(text: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < text.len() {
        if !skipped(text[at]) {
            hash ^= text[at].to_ascii_lowercase() as u64;
            hash = hash.wrapping_mul(0x0100_0000_01b3);
        }
        at += 1;
    }
    hash
}

pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
        text.iter()
            .filter(|byte| !skipped(**byte))
            .map(u8::to_ascii_lowercase)
    }
    letters(a).eq(letters(b))
}
