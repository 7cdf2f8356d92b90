//! Sentences: the short list of phrases that tell cases apart where no identifier does.
//!
//! Only a *message* is searched, only its first 4 KiB, and not what it quotes: servers echo prompts,
//! and a prompt may say anything. All phrases are looked for in one pass.

use std::sync::LazyLock;
use std::time::Duration;

use super::quotes::segments;
use super::scan::Scanner;
use super::waits;

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
    Minute,
    AccountBlocked,
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
            "the context window",
            "model's context window",
            "maximum context window",
            "context window of",
            "context window exceeded",
            "context window exceeds",
            "context window is",
            "context window limit",
            "context window size",
            "context length exceeded",
            "maximum context limit",
            "greater than the context length",
            "exceeds the max_model_len",
            "configured context size",
            "prompt token count of",
            "maximum allowed input length",
            "available context size",
            "context size has been exceeded",
            "prompt is too long",
            "prompt too long",
            "input is too long",
            "maximum prompt length",
            "maximum model length",
            "too long to fit into the model",
            "context length of only",
            "reached context length of",
            "input token length too long",
            "length of prompt_tokens",
            "prompt exceeds max length",
            "too many tokens: ",
            "too many tokens overall",
            "too many tokens in batch",
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
            "content exists risk",
            "不安全或敏感内容",
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
            "specified workspace api usage limits",
            "regain access on",
            "account is not active",
            "account is suspended",
            "key limit exceeded",
            "budget has been exceeded",
            "budget exceeded",
            "exceeded budget",
            "extra usage",
            "run out of available resources",
            "call volume quota",
            "bandwidth quota",
            "余额不足",
            "欠费",
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
            "limit_rpd/",
        ],
    ),
    (
        Phrase::Day,
        &["per day", "per-day", "/ day", "/day", "a day limit"],
    ),
    (
        Phrase::Minute,
        &[
            "per minute",
            "per-minute",
            "per min",
            "per-min",
            "models-per-min",
            "/ minute",
            "/minute",
            "/ min",
            "/min",
            "per second",
            "per hour",
            "per 1 hour",
            "limit_rpm/",
        ],
    ),
    (Phrase::AccountBlocked, &["temporarily blocked"]),
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
            "experiencing high demand",
            "due to high demand",
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
            "an error occurred while",
            "an error occurred during",
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
            "tier capacity exceeded",
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
    Wait,
    Limit,
    Requested,
}

static SCANNER: LazyLock<Scanner<Meaning>> = LazyLock::new(|| {
    let says = LIST.iter().flat_map(|(phrase, texts)| {
        let phrase = *phrase;
        texts.iter().map(move |text| (*text, Meaning::Says(phrase)))
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
            SCANNER.scan(segment.as_bytes(), |meaning, rest| match meaning {
                Meaning::Says(phrase) => said.note(phrase),
                Meaning::Wait => said.wait = said.wait.or_else(|| waits::spoken(rest)),
                Meaning::Limit => said.limit = number(rest).or(said.limit),
                Meaning::Requested => said.requested = number(rest).or(said.requested),
            });
        }
        said
    }
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
    fn list_is_lower_case_and_each_sentence_has_one_entry() {
        for (at, (phrase, texts)) in LIST.iter().enumerate() {
            assert_eq!(at, *phrase as usize, "{phrase:?} stands out of order");
            for text in *texts {
                assert_eq!(*text, text.to_ascii_lowercase());
            }
        }
    }

    /// BerriAI/litellm#11455: a prompt about rate limits made a 400 a rate limit.
    #[test]
    fn each_phrase_is_found_but_not_in_a_quotation() {
        let said = |message: &str| Said::in_messages([message].into_iter());
        let all: Vec<_> = LIST.iter().flat_map(|(_, texts)| *texts).copied().collect();
        for (phrase, texts) in LIST {
            for text in *texts {
                assert!(said(&format!("So: {text}.")).phrases.has(*phrase), "{text}");
            }
        }
        let prompt = format!("{}, try again in 5s, limit 1, requested 2", all.join(", "));
        for echo in [
            "Bad value '{}' here.",
            "Got \"{}\".",
            "\u{201c}{}\u{201d}",
            "Cut: '{}",
        ] {
            let said = said(&echo.replace("{}", &prompt));
            assert_eq!(said.phrases, Phrases::default(), "{echo}");
            assert_eq!((said.wait, said.limit, said.requested), (None, None, None));
        }
    }
}
