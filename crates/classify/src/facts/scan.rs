//! Looking for many phrases at once: at each place where a word begins, the few phrases that begin with
//! the same four letters are compared.

use std::ops::Range;

/// Phrases, lower case, each with what it means.
pub(super) struct Scanner<T> {
    /// Sorted by slot.
    phrases: Vec<Entry<T>>,
    /// Where the phrases of a slot begin; those of the next begin where they end.
    slots: Box<[u16; SLOTS + 1]>,
    /// For each byte that a phrase begins with, which follow it: a bit each by their lowest five bits,
    /// which are the same for both cases.
    begins: Box<[u32; 256]>,
}

struct Entry<T> {
    start: Start,
    /// The bytes of `start` that the phrase has.
    mask: u64,
    text: &'static [u8],
    meaning: T,
}

const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 10;

/// The first eight bytes of a text in lower case.
#[derive(Clone, Copy)]
struct Start(u64);

impl Start {
    const LEN: usize = 8;

    #[inline]
    fn of(text: &[u8]) -> Self {
        Self(lower(eight(text)))
    }

    /// Told by the first four.
    #[inline]
    fn slot(self) -> usize {
        let four = self.0 & u64::from(u32::MAX);
        (four.wrapping_mul(0x9e37_79b1) >> (u32::BITS - SLOT_BITS)) as usize & (SLOTS - 1)
    }
}

/// The first eight bytes, the first of them lowest; zeros where there are none.
#[inline]
fn eight(text: &[u8]) -> u64 {
    if let Some(bytes) = text.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..text.len()].copy_from_slice(text);
    u64::from_le_bytes(bytes)
}

/// The bit that stands for a byte as the second of a phrase.
const fn follows(byte: u8) -> u32 {
    1 << (byte & 31)
}

/// Eight times the same byte.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const TOP: u64 = every(0x80);

/// The top bit of each of eight bytes that is from `first` to `last`, which are ASCII.
#[inline]
fn within(bytes: u64, first: u8, last: u8) -> u64 {
    // Without their top bits bytes cannot carry into each other.
    let low = bytes & !TOP;
    (low + every(0x80 - first)) & !(low + every(0x7f - last)) & !bytes & TOP
}

#[inline]
fn lower(bytes: u64) -> u64 {
    bytes | within(bytes, b'A', b'Z') >> 2
}

/// The top bit of each of eight bytes that is a letter or a digit.
#[inline]
fn words(bytes: u64) -> u64 {
    within(bytes | every(b' '), b'a', b'z') | within(bytes, b'0', b'9')
}

/// The top bit of each of eight bytes that is a space.
#[inline]
fn spaces(bytes: u64) -> u64 {
    let zero = bytes ^ every(b' ');
    !(((zero & !TOP) + !TOP) | zero) & TOP
}

impl<T: Copy> Scanner<T> {
    /// # Panics
    ///
    /// If a phrase is shorter than four bytes or begins with a space.
    pub(super) fn new(phrases: impl Iterator<Item = (&'static str, T)>) -> Self {
        let mut phrases: Vec<_> = phrases
            .map(|(text, meaning)| {
                let text = text.as_bytes();
                assert!(
                    text.len() >= 4 && text[0] > b' ',
                    "a phrase has four letters"
                );
                let missing = Start::LEN.saturating_sub(text.len());
                let mask = u64::MAX >> (8 * missing);
                Entry {
                    start: Start(Start::of(text).0 & mask),
                    mask,
                    text,
                    meaning,
                }
            })
            .collect();
        phrases.sort_by_key(|entry| entry.start.slot());
        let mut slots = Box::new([0; SLOTS + 1]);
        let mut begins = Box::new([0; 256]);
        for Entry { start, text, .. } in &phrases {
            slots[start.slot() + 1] += 1;
            for byte in [text[0], text[0].to_ascii_uppercase()] {
                begins[usize::from(byte)] |= follows(text[1]);
            }
        }
        for at in 0..SLOTS {
            slots[at + 1] += slots[at];
        }
        Self {
            phrases,
            slots,
            begins,
        }
    }

    /// Calls `found` with the meaning of each phrase in `text`, with where it begins, and with what
    /// follows it.
    ///
    /// A phrase begins where a word begins, and a number at its end ends where it ends: `limit: 0` is
    /// not in `limit: 0.5`. What is no letter may begin a phrase behind a letter too.
    pub(super) fn scan<'t>(&self, text: &'t [u8], mut found: impl FnMut(T, usize, &'t [u8])) {
        let (eights, rest) = text.as_chunks();
        // Beyond the end are zeros, and no phrase begins with one.
        let last = eight(rest);
        let mut before = 0;
        for place in 0..=eights.len() {
            let bytes = eights.get(place).map_or(last, |b| u64::from_le_bytes(*b));
            let words = words(bytes);
            let mut starts = !(words & (words << 8 | before) | spaces(bytes)) & TOP;
            before = words >> 56;
            while starts != 0 {
                let bit = starts.trailing_zeros() & !7;
                starts &= starts - 1;
                let at = 8 * place + bit as usize / 8;
                if let Some(text @ [first, next, ..]) = text.get(at..)
                    && self.begins[usize::from(*first)] & follows(*next) != 0
                {
                    let start = Start::of(text);
                    let slot = start.slot();
                    let candidates = self.slots[slot]..self.slots[slot + 1];
                    if !candidates.is_empty() {
                        self.compare(text, start, candidates, |meaning, after| {
                            found(meaning, at, after);
                        });
                    }
                }
            }
        }
    }

    /// Compares the start of `text` with the phrases that may stand there.
    #[inline(never)]
    fn compare<'t>(
        &self,
        text: &'t [u8],
        start: Start,
        candidates: Range<u16>,
        mut found: impl FnMut(T, &'t [u8]),
    ) {
        for entry in &self.phrases[usize::from(candidates.start)..usize::from(candidates.end)] {
            if start.0 & entry.mask != entry.start.0 {
                continue;
            }
            let Some((same, after)) = text.split_at_checked(entry.text.len()) else {
                continue;
            };
            let rest = Start::LEN.min(same.len());
            if same[rest..].eq_ignore_ascii_case(&entry.text[rest..])
                && ends_whole(entry.text, after)
            {
                found(entry.meaning, after);
            }
        }
    }
}

fn ends_whole(phrase: &[u8], after: &[u8]) -> bool {
    let number = phrase.last().is_some_and(u8::is_ascii_digit);
    let goes_on = matches!(after, [b'0'..=b'9', ..] | [b'.' | b',', b'0'..=b'9', ..]);
    !(number && goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_are_looked_at_at_once() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = [b'-'; 8];
                bytes[place] = byte;
                let bytes = u64::from_le_bytes(bytes);
                let top = 0x80 << (8 * place);
                let is_word = byte.is_ascii_alphanumeric();
                assert_eq!(words(bytes), if is_word { top } else { 0 });
                assert_eq!(spaces(bytes), if byte == b' ' { top } else { 0 });
                let lowered = lower(bytes).to_le_bytes()[place];
                assert_eq!(lowered, byte.to_ascii_lowercase());
            }
        }
    }

    #[test]
    fn phrases_are_found_at_any_place_and_only_where_a_word_begins() {
        let scanner = Scanner::new(["/day", "rate limit", "limit: 0"].into_iter().zip(0..));
        for (text, expected) in [
            ("Rate LIMIT", &[(1, 0)][..]),
            ("pirate limit", &[]),
            ("2rate limit", &[]),
            ("-rate limit-", &[(1, 1)]),
            ("10/Day", &[(0, 0)]),
            ("rate limi", &[]),
            ("limit: 0", &[(2, 0)]),
            ("limit: 0, x", &[(2, 3)]),
            ("limit: 0.5", &[]),
            ("limit: 05", &[]),
            ("/da", &[]),
            ("", &[]),
        ] {
            for shift in 0..9 {
                let padding = " ".repeat(shift);
                let mut seen = Vec::new();
                let text = format!("{padding}{text}");
                scanner.scan(text.as_bytes(), |meaning, at, rest| {
                    assert!(at >= shift);
                    seen.push((meaning, rest.len()));
                });
                assert_eq!(seen, expected, "{text:?}");
            }
        }
    }
}
