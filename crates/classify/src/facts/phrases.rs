//! Sentences: the short list of phrases that tell cases apart where no identifier does.
//!
//! Only a *message* is searched, only its first 4 KiB, and not what it quotes: servers echo prompts,
//! and a prompt may say anything. All phrases are looked for in one pass.

use std::sync::LazyLock;

use super::scan::Scanner;

/// How much of a message is read. The longest message known that matters has half of it.
const WINDOW: usize = 4096;

/// What a sentence says. One bit each in [`Phrases`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Phrase {
    ContextLength,
    ContentPolicy,
    Location,
    BadKey,
    Billing,
    Zero,
    LongWindow,
    Day,
    RollingDay,
    RequestTooLarge,
    StatesUse,
    PayloadTooLarge,
    Memory,
    Overload,
    ServerFault,
    RateLimit,
    TimedOut,
    Blocked,
}

/// The phrases, lower case. A match must begin where a word begins.
const LIST: &[(Phrase, &[&str])] = &[
    (
        Phrase::ContextLength,
        &[
            "maximum context length",
            "model's context length",
            "exceeds the context length",
            "exceed context limit",
            "exceeds context limit",
            "context window",
            "available context size",
            "context size has been exceeded",
            "prompt is too long",
            "prompt too long",
            "input is too long",
            "maximum prompt length",
            "too many tokens",
            "too many input tokens",
            "input token count",
            "input tokens exceed",
            "number of input tokens",
            "exceeds the maximum number of tokens",
            "exceeded model token limit",
            "tokens + `max_new_tokens` must be <=",
            "inputs` must have less than",
            "reduce the length of the messages",
            "reduce the length of the prompt",
            "using a shorter prompt",
            "contextwindowexceedederror",
        ],
    ),
    (
        Phrase::ContentPolicy,
        &[
            "content management policy",
            "content filtering policy",
            "content filter",
            "content policy",
            "content moderation",
            "was flagged",
            "been flagged",
            "were flagged",
            "safety system",
            "violates usage guidelines",
            "violates our usage policy",
            "violating our usage policy",
            "violate our usage policy",
            "violates our usage policies",
            "usage policies",
            "guardrail",
            "contentpolicyviolationerror",
        ],
    ),
    (
        Phrase::Location,
        &[
            "user location is not supported",
            "country, region, or territory not supported",
            "not available in your country",
            "not available in your region",
        ],
    ),
    (
        Phrase::BadKey,
        &[
            "api key not valid",
            "api key not found",
            "api key expired",
            "api key is invalid",
            "api-key you provided",
            "api key you provided",
            "invalid api key",
            "invalid api token",
            "incorrect api key",
            "invalid x-api-key",
            "invalid authentication",
            "invalid bearer token",
            "invalid token",
        ],
    ),
    (
        Phrase::Billing,
        &[
            "credit balance is too low",
            "credit limit exceeded",
            "credits are exhausted",
            "credits are depleted",
            "credits have been exhausted",
            "prepayment credits",
            "prepaid credits",
            "insufficient credit",
            "insufficient balance",
            "insufficient funds",
            "insufficient account balance",
            "not enough credit",
            "out of credits",
            "no credits",
            "any credits",
            "requires more credits",
            "purchase more credits",
            "used all available credits",
            "used up your credits",
            "included credits",
            "exceeded your monthly",
            "spending cap",
            "spending limit",
            "spend limit",
            "spend cap",
            "billing hard limit",
            "specified api usage limits",
            "account is not active",
            "account is suspended",
            "key limit exceeded",
            "budget has been exceeded",
            "budget exceeded",
            "exceeded budget",
            "extra usage is required",
            "call volume quota",
            "bandwidth quota",
            "余额不足",
        ],
    ),
    (Phrase::Zero, &["limit: 0"]),
    (
        Phrase::LongWindow,
        &[
            "/ month",
            "/month",
            "per month",
            "per-month",
            "this month",
            "monthly limit",
            "monthly quota",
            "monthly usage",
            "monthly token",
            "monthly request",
            "monthly budget",
            "monthly cap",
            "weekly limit",
            "weekly usage",
            "weekly quota",
            "daily limit",
            "daily quota",
            "daily usage",
            "daily request",
            "daily token",
            "daily free",
            "models-per-day",
        ],
    ),
    (
        Phrase::Day,
        &["per day", "per-day", "/ day", "/day", "a day limit"],
    ),
    (Phrase::RollingDay, &["(rpd)", "(tpd)"]),
    (
        Phrase::RequestTooLarge,
        &["request too large", "request is too large"],
    ),
    (Phrase::StatesUse, &["used "]),
    (
        Phrase::PayloadTooLarge,
        &[
            "payload size exceeds",
            "payload too large",
            "payload is too large",
            "entity too large",
            "request body too large",
            "request body is too large",
            "maximum allowed number of bytes",
            "maximum request size",
        ],
    ),
    (Phrase::Memory, &["requires more system memory"]),
    (
        Phrase::Overload,
        &[
            "overloaded",
            "at capacity",
            "over capacity",
            "out of capacity",
            "no capacity",
            "insufficient capacity",
            "not enough capacity",
            "high demand",
            "high load",
            "heavy load",
            "high traffic",
            "peak load",
            "load shedding",
            "too busy",
            "server busy",
            "server is busy",
            "currently loading",
            "before the given deadline",
            "temporarily unavailable",
            "flex tier capacity",
        ],
    ),
    (
        Phrase::ServerFault,
        &[
            "the server had an error",
            "internal server error",
            "internal error",
            "server error",
        ],
    ),
    (
        Phrase::RateLimit,
        &[
            "rate limit",
            "rate-limit",
            "rate limited",
            "ratelimit",
            "too many requests",
            "resource exhausted",
        ],
    ),
    (Phrase::TimedOut, &["timed out", "timeout"]),
    (Phrase::Blocked, &["blocked", "deny-list", "denylist"]),
];

/// Which sentences were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phrases(u32);

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

    pub(super) fn in_messages<'m>(messages: impl Iterator<Item = &'m str>) -> Self {
        let mut found = Self::default();
        for segment in messages.flat_map(segments) {
            SCANNER.scan(segment.as_bytes(), |phrase, _| {
                found.0 |= Self::of(phrase).0;
                None::<()>
            });
        }
        found
    }
}

static SCANNER: LazyLock<Scanner<Phrase>> = LazyLock::new(|| {
    let texts = LIST.iter().flat_map(|(phrase, texts)| {
        let phrase = *phrase;
        texts.iter().map(move |text| (*text, phrase))
    });
    Scanner::new(texts)
});

/// The parts of a message that are the server's own words.
///
/// A quoted name (no white space: `` `gpt-4` ``, `'max_tokens'`) is left where it is, for it cannot
/// hold a phrase. Anything else in quotes is somebody else's text, and because that text may hold
/// quotes itself, it ends at the *last* quote of its kind, or not at all.
pub(super) fn segments(message: &str) -> impl Iterator<Item = &str> {
    let window = &message[..message.floor_char_boundary(WINDOW)];
    let mut rest = Some(window);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let (own, after) = match first_quotation(text) {
            Some((open, close)) => (&text[..open], close.map(|close| &text[close..])),
            None => (text, None),
        };
        rest = after;
        Some(own)
    })
}

/// Where the first quotation that is not a name begins, and where the text after it begins.
fn first_quotation(text: &str) -> Option<(usize, Option<usize>)> {
    const LONGEST_NAME: usize = 128;
    const OPENING: &[u8] = "\u{201c}".as_bytes();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let quote = bytes[at];
        match quote {
            b'\'' | b'"' | b'`' if at == 0 || !bytes[at - 1].is_ascii_alphanumeric() => {}
            0xe2 if bytes[at..].starts_with(OPENING) => {
                let close = text[at..].rfind('\u{201d}');
                return Some((at, close.map(|close| at + close + OPENING.len())));
            }
            _ => {
                at += 1;
                continue;
            }
        }
        let name = bytes[at + 1..]
            .iter()
            .take(LONGEST_NAME)
            .position(|byte| byte.is_ascii_whitespace() || *byte == quote || *byte == b'\\');
        match name.map(|len| at + 1 + len) {
            // `'it's …` opens a text; a name is over where its quote is.
            Some(close)
                if bytes[close] == quote
                    && !bytes.get(close + 1).is_some_and(u8::is_ascii_alphanumeric) =>
            {
                at = close + 1;
            }
            _ => {
                let closes = |close: &usize| bytes[*close] == quote && bytes[close - 1] != b'\\';
                let close = (at + 1..bytes.len()).rev().find(closes);
                return Some((at, close.map(|close| close + 1)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_lower_case_and_each_sentence_has_one_entry() {
        for (at, (phrase, texts)) in LIST.iter().enumerate() {
            assert_eq!(at, *phrase as usize, "{phrase:?} stands out of order");
            for text in *texts {
                assert_eq!(*text, text.to_ascii_lowercase());
            }
        }
    }

    #[test]
    fn quotations_are_cut_and_names_stay() {
        for (message, own) in [
            ("no quotes here", &["no quotes here"][..]),
            ("model `gpt-4` isn't here", &["model `gpt-4` isn't here"]),
            ("got 'a b' there", &["got ", " there"]),
            ("got 'it's a' trap' there", &["got ", " there"]),
            (r#"got "say \"hi\" now". Bad"#, &["got ", ". Bad"]),
            ("got 'never closed rate limit", &["got "]),
            ("got \u{201c}a b\u{201d} there", &["got ", " there"]),
            ("", &[""]),
        ] {
            assert_eq!(segments(message).collect::<Vec<_>>(), own, "{message}");
        }
    }
}
