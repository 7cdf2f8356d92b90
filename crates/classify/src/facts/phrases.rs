//! Sentences: the short list of phrases that tell cases apart where no identifier does.
//!
//! Only a *message* is searched, only its first 4 KiB, and not what it quotes or shows: servers echo
//! prompts, and a prompt may say anything. All phrases are looked for in one pass.

use std::sync::LazyLock;
use std::time::Duration;

use super::list::{LIST, Phrase};
use super::quotes::segments;
use super::scan::Scanner;
use super::waits;

/// Which sentences were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phrases(u64);

impl Phrases {
    pub(crate) const fn of(phrase: Phrase) -> Self {
        Self(1 << phrase as u32)
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn has(self, phrase: Phrase) -> bool {
        self.meets(Self::of(phrase))
    }
}

/// All that the messages say, found in one pass.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) phrases: Phrases,
    /// The first wait that is stated.
    pub(super) wait: Option<Duration>,
    /// "Limit 30000, Used 29000, Requested 31538": of several limits the last, for a limit's name may
    /// come before its number.
    pub(super) limit: Option<u64>,
    pub(super) requested: Option<u64>,
    /// The first window that is named is of minutes: what comes after it is advice.
    pub(super) short_window: bool,
}

#[derive(Clone, Copy)]
enum Meaning {
    Says(Phrase),
    /// A phrase of one word, which a quoted name may be.
    Word(Phrase),
    Wait,
    Limit,
    Requested,
}

static SCANNER: LazyLock<Scanner<Meaning>> = LazyLock::new(|| {
    let says = LIST.iter().flat_map(|(phrase, texts)| {
        let phrase = *phrase;
        texts.iter().map(move |text| match text.contains(' ') {
            true => (*text, Meaning::Says(phrase)),
            false => (*text, Meaning::Word(phrase)),
        })
    });
    let waits = waits::BEFORE.into_iter().map(|text| (text, Meaning::Wait));
    let numbers = [("limit", Meaning::Limit), ("requested", Meaning::Requested)];
    Scanner::new(says.chain(waits).chain(numbers))
});

impl Said {
    fn note(&mut self, phrase: Phrase) {
        let other = [Phrase::LongWindow, Phrase::Day];
        self.short_window |=
            phrase == Phrase::Minute && !other.iter().any(|other| self.phrases.has(*other));
        self.phrases.0 |= Phrases::of(phrase).0;
    }

    pub(super) fn in_messages<'m>(messages: impl Iterator<Item = &'m str>) -> Self {
        let mut said = Self::default();
        for segment in messages.flat_map(segments) {
            let text = segment.as_bytes();
            SCANNER.scan(text, |meaning, at, rest| match meaning {
                Meaning::Word(_) if in_name(&text[..at]) => {}
                Meaning::Says(phrase) | Meaning::Word(phrase) => said.note(phrase),
                Meaning::Wait => said.wait = said.wait.or_else(|| waits::spoken(rest)),
                Meaning::Limit => said.limit = number(rest).or(said.limit),
                Meaning::Requested => said.requested = number(rest).or(said.requested),
            });
        }
        said
    }
}

/// Whether what follows `before` stands in a quoted name: `'overloaded'`.
fn in_name(before: &[u8]) -> bool {
    let word = before.rsplit(u8::is_ascii_whitespace).next();
    word.is_some_and(|word| memchr::memchr3(b'\'', b'"', b'`', word).is_some())
}

/// The number at the start of `text`, after a space or a colon.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b":").unwrap_or(text);
    let text = text.strip_prefix(b" ")?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phrase_is_found() {
        for (phrase, texts) in LIST {
            for text in *texts {
                let message = format!("So: {text}.");
                let said = Said::in_messages([&*message].into_iter());
                assert!(said.phrases.has(*phrase), "{text}");
            }
        }
    }
}
