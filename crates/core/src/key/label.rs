use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

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
    pub(super) fn host_of(authority: &str) -> Self {
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

    pub(super) fn bytes(&self) -> &[u8] {
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
