//! Looking for many phrases at once: at each place where a word begins, the few phrases that begin with
//! the same four letters are compared.

/// Phrases, lower case, each with what it means.
pub(super) struct Scanner<T> {
    /// Sorted by slot.
    phrases: Vec<Entry<T>>,
    /// Where the phrases of a slot begin; those of the next begin where they end.
    slots: Box<[u16; SLOTS + 1]>,
    /// What is known of a byte: [`WORD`], [`BEGINS`].
    bytes: Box<[u8; 256]>,
}

struct Entry<T> {
    start: Start,
    text: &'static [u8],
    meaning: T,
}

/// The byte belongs to a word.
const WORD: u8 = 1;
/// A phrase begins with it.
const BEGINS: u8 = 2;

const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 10;

/// The first four bytes of a text without the bit that upper case lacks: equal for texts that are
/// equal without case.
#[derive(Clone, Copy, PartialEq)]
struct Start(u32);

impl Start {
    #[inline]
    fn of(text: &[u8]) -> Option<Self> {
        let bytes = text.first_chunk::<4>()?;
        Some(Self(u32::from_le_bytes(*bytes) | 0x2020_2020))
    }

    #[inline]
    fn slot(self) -> usize {
        (self.0.wrapping_mul(0x9e37_79b1) >> (u32::BITS - SLOT_BITS)) as usize
    }
}

impl<T: Copy> Scanner<T> {
    /// # Panics
    ///
    /// If a phrase is shorter than four bytes.
    pub(super) fn new(phrases: impl Iterator<Item = (&'static str, T)>) -> Self {
        let mut phrases: Vec<_> = phrases
            .map(|(text, meaning)| Entry {
                start: Start::of(text.as_bytes()).expect("a phrase has four letters"),
                text: text.as_bytes(),
                meaning,
            })
            .collect();
        phrases.sort_by_key(|entry| entry.start.slot());
        let mut slots = Box::new([0; SLOTS + 1]);
        let mut bytes = Box::new([0; 256]);
        for byte in 0..=u8::MAX {
            bytes[usize::from(byte)] |= u8::from(byte.is_ascii_alphanumeric()) * WORD;
        }
        for Entry { start, text, .. } in &phrases {
            slots[start.slot() + 1] += 1;
            for byte in [text[0], text[0].to_ascii_uppercase()] {
                bytes[usize::from(byte)] |= BEGINS;
            }
        }
        for at in 0..SLOTS {
            slots[at + 1] += slots[at];
        }
        Self {
            phrases,
            slots,
            bytes,
        }
    }

    /// Calls `found` with the meaning and the end of each phrase in `text`.
    ///
    /// A phrase begins where a word begins, and a number at its end ends where it ends: `limit: 0` is
    /// not in `limit: 0.5`. What is no letter may begin a phrase behind a letter too.
    pub(super) fn scan(&self, text: &[u8], mut found: impl FnMut(T, usize)) {
        let mut before = 0;
        for (at, byte) in text.iter().enumerate() {
            let this = self.bytes[usize::from(*byte)];
            let inside = before & this & WORD != 0;
            before = this;
            if this & BEGINS != 0 && !inside {
                self.compare(text, at, &mut found);
            }
        }
    }

    #[inline]
    fn compare(&self, text: &[u8], at: usize, found: &mut impl FnMut(T, usize)) {
        let text = &text[at..];
        let Some(start) = Start::of(text) else { return };
        let slot = start.slot();
        let candidates = usize::from(self.slots[slot])..usize::from(self.slots[slot + 1]);
        for entry in &self.phrases[candidates] {
            if entry.start != start {
                continue;
            }
            let Some((same, after)) = text.split_at_checked(entry.text.len()) else {
                continue;
            };
            if is(same, entry.text) && ends_whole(entry.text, after) {
                found(entry.meaning, at + entry.text.len());
            }
        }
    }
}

/// Whether `text` is `phrase`, which is lower case. Most that begin alike part soon after, so that this
/// is faster than comparing many bytes at once.
fn is(text: &[u8], phrase: &[u8]) -> bool {
    let mut pairs = text.iter().zip(phrase);
    pairs.all(|(byte, of_phrase)| byte.to_ascii_lowercase() == *of_phrase)
}

fn ends_whole(phrase: &[u8], after: &[u8]) -> bool {
    let number = phrase.last().is_some_and(u8::is_ascii_digit);
    let goes_on = matches!(after, [b'0'..=b'9', ..] | [b'.' | b',', b'0'..=b'9', ..]);
    !(number && goes_on)
}
