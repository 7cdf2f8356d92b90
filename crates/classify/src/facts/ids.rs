//! Identifiers: the words that providers mean for machines.

use std::borrow::Cow;
use std::ops::Range;

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

    #[cfg(test)]
    pub(crate) fn text(&self) -> &'static str {
        self.text
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
        let name = bare(text.as_bytes());
        let text = match text {
            text if name.len() == text.len() => text,
            Cow::Borrowed(text) => Cow::Borrowed(&text[name]),
            Cow::Owned(text) => Cow::Owned(text[name].to_owned()),
        };
        let hash = hash(text.as_bytes());
        Self { hash, text }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn is(&self, name: &Name) -> bool {
        // The hash finds, the text proves: two words may share a hash.
        self.hash == name.hash
            && (*self.text == *name.text || same(self.text.as_bytes(), name.text.as_bytes()))
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

/// The name alone.
fn bare(text: &[u8]) -> Range<usize> {
    let (mut start, mut from) = (0, 0);
    while let Some(at) = memchr::memchr2(b'#', b':', &text[from..]) {
        let at = from + at;
        from = at + 1;
        if text[at] == b'#' {
            start = from;
        } else if from == text.len() || text[from..].starts_with(b"http") {
            return start..at;
        }
    }
    start..text.len()
}

const fn skipped(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b' ')
}

/// FNV-1a over the letters that count.
const fn hash(text: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < text.len() {
        let letter = FOLDED[text[at] as usize];
        if letter != 0 {
            hash = (hash ^ letter as u64).wrapping_mul(0x0100_0000_01b3);
        }
        at += 1;
    }
    hash
}

/// Each byte in lower case; zero where it is skipped.
const FOLDED: [u8; 256] = {
    let mut folded = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if !skipped(byte as u8) {
            folded[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    folded
};

pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
        text.iter()
            .filter(|byte| !skipped(**byte))
            .map(u8::to_ascii_lowercase)
    }
    letters(a).eq(letters(b))
}
