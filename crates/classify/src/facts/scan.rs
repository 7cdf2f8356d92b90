//! Looking for many phrases at once: at each place where a word begins, the few phrases that begin with
//! the same two letters are compared.

/// Phrases, lower case, each with what it means.
pub(super) struct Scanner<T> {
    /// Sorted by slot.
    phrases: Vec<(&'static [u8], T)>,
    /// Where the phrases of a slot begin; those of the next begin where they end.
    slots: Box<[u16; SLOTS + 1]>,
}

const SLOTS: usize = 1024;

fn slot(first: u8, second: u8) -> usize {
    let [first, second] = [first, second].map(|byte| usize::from(byte.to_ascii_lowercase()));
    (first * 37 + second) % SLOTS
}

impl<T: Copy> Scanner<T> {
    pub(super) fn new(phrases: impl Iterator<Item = (&'static str, T)>) -> Self {
        let slot_of = |phrase: &[u8]| slot(phrase[0], phrase[1]);
        let mut phrases: Vec<_> = phrases
            .map(|(text, meaning)| (text.as_bytes(), meaning))
            .filter(|(text, _)| text.len() >= 2)
            .collect();
        phrases.sort_by_key(|(text, _)| slot_of(text));
        let mut slots = Box::new([0; SLOTS + 1]);
        for (text, _) in &phrases {
            slots[slot_of(text) + 1] += 1;
        }
        for at in 0..SLOTS {
            slots[at + 1] += slots[at];
        }
        Self { phrases, slots }
    }

    /// Calls `found` with the meaning and the end of each phrase in `text`.
    ///
    /// A phrase begins where a word begins, and a number at its end ends where it ends: `limit: 0` is
    /// not in `limit: 0.5`.
    pub(super) fn scan(&self, text: &[u8], mut found: impl FnMut(T, usize)) {
        let mut inside = false;
        for (at, pair) in text.windows(2).enumerate() {
            let starts = !inside && pair[0] != b' ';
            inside = pair[0].is_ascii_alphanumeric();
            // What is no letter may begin a phrase behind a letter too.
            if !starts && inside {
                continue;
            }
            let slot = slot(pair[0], pair[1]);
            let candidates = usize::from(self.slots[slot])..usize::from(self.slots[slot + 1]);
            for (phrase, meaning) in &self.phrases[candidates] {
                let end = at + phrase.len();
                // Most that share two letters part at the last one.
                let same = text.get(at..end).is_some_and(|text| {
                    let (last, of_phrase) = (text[text.len() - 1], phrase[phrase.len() - 1]);
                    last.to_ascii_lowercase() == of_phrase && text.eq_ignore_ascii_case(phrase)
                });
                if same && ends_whole(phrase, &text[end..]) {
                    found(*meaning, end);
                }
            }
        }
    }
}

fn ends_whole(phrase: &[u8], after: &[u8]) -> bool {
    let number = phrase.last().is_some_and(u8::is_ascii_digit);
    let goes_on = matches!(after, [b'0'..=b'9', ..] | [b'.' | b',', b'0'..=b'9', ..]);
    !(number && goes_on)
}
