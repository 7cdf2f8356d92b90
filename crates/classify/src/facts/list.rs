//! The phrases that rules ask for.

/// What a sentence says. One bit each in [`Phrases`](super::phrases::Phrases).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Phrase {
    ContextLength,
    ContentPolicy,
    Guardrail,
    Location,
    BadKey,
    Balance,
    Billing,
    Spend,
    CurrentQuota,
    /// Whose quota it is.
    Google,
    /// A limit on what goes on at once.
    Momentary,
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
    Model,
    NotFound,
    NoKey,
    Denied,
    BadRequest,
    Unavailable,
    Prompt,
    Exceeds,
    Tokens,
    Refused,
    Harm,
    Blocked,
}

/// The phrases, lower case. A match must begin where a word begins.
#[rustfmt::skip] // several phrases a line
pub(super) const LIST: &[(Phrase, &[&str])] = &[
    (Phrase::ContextLength, &[
        "maximum context length", "model's context length", "exceeds the context length",
        "exceed context limit", "exceeds context limit", "the context window",
        "model's context window", "maximum context window", "context window of",
        "context window exceeded", "context window exceeds", "context window is",
        "context window limit", "context window size", "context length exceeded",
        "maximum context limit", "greater than the context length", "exceeds the max_model_len",
        "configured context size", "prompt token count of", "maximum allowed input length",
        "available context size", "context size has been exceeded", "prompt is too long",
        "prompt too long", "input is too long", "maximum prompt length",
        "maximum supported sequence length", "maximum input length is",
        "model_context_window_exceeded", "maximum model length", "too long to fit into the model",
        "context length of only", "reached context length of", "input token length too long",
        "length of prompt_tokens", "prompt exceeds max length", "too many tokens: ",
        "too many tokens overall", "too many tokens in batch", "too many input tokens",
        "input token count", "input tokens exceed", "number of input tokens",
        "range of input length should be",
        "exceeds the maximum number of tokens", "exceeded model token limit",
        "tokens + `max_new_tokens` must be <=", "inputs` must have less than",
        "reduce the length of the messages", "reduce the length of the prompt",
        "using a shorter prompt", "contextwindowexceedederror",
    ]),
    (Phrase::ContentPolicy, &[
        "content management policy", "content filtering policy", "content filter", "content policy",
        "content moderation", "was flagged", "been flagged", "were flagged", "safety system",
        "violates usage guidelines", "violates our usage policy", "violating our usage policy",
        "violate our usage policy", "violates our usage policies", "usage policies",
        "content exists risk", "unsafe or sensitive content", "considered high risk", "不安全或敏感内容",
        "contentpolicyviolationerror",
    ]),
    (Phrase::Guardrail, &["guardrail"]),
    (Phrase::Location, &[
        "user location is not supported", "country, region, or territory not supported",
        "not available in your country", "not available in your region",
    ]),
    (Phrase::BadKey, &[
        "api key not valid", "api key not found", "api key expired", "api key is invalid",
        "api-key you provided", "api key you provided", "invalid api key", "invalid api token",
        "incorrect api key", "invalid x-api-key", "invalid authentication", "invalid bearer token",
        "invalid token",
    ]),
    (Phrase::Balance, &[
        "credit balance is too low", "insufficient credit", "insufficient balance",
        "insufficient funds", "insufficient account balance", "balance is insufficient",
        "not enough credit", "out of credits", "余额不足", "额度不足", "额度已用尽", "欠费",
    ]),
    (Phrase::Billing, &[
        "credit limit exceeded", "credits are exhausted", "credits are depleted",
        "credits have been exhausted", "prepayment credits", "prepaid credits", "have no credits",
        "has no credits", "no credits left", "no credits remaining", "have any credits",
        "has any credits", "requires more credits", "credits are required", "purchase more credits",
        "used all available credits", "used up your credits", "included credits",
        "exceeded your monthly", "billing hard limit", "specified api usage limits",
        "specified workspace api usage limits", "regain access on", "account is not active",
        "account is suspended", "key limit exceeded", "budget has been exceeded", "budget exceeded",
        "exceeded budget", "exceededbudget", "exceededtokenbudget", "extra usage",
        "run out of available resources", "exhausted your credits", "credits have expired",
        "credits expired", "negative balance", "balance is negative", "unpaid invoice",
        "is overdue", "payment failed", "subscription has expired", "subscription expired",
        "trial has expired", "free trial quota", "trial has ended", "trial expired",
        "payment required", "call volume quota", "bandwidth quota",
    ]),
    (Phrase::Spend, &["spending cap", "spending limit", "spend limit", "spend cap"]),
    (Phrase::CurrentQuota, &[
        "exceeded your current quota", "quota exhausted", "quota is exhausted",
        "quota has been exhausted", "quota is used up", "quota has been used up", "out of quota",
    ]),
    (Phrase::Google, &["ai.google.dev", "googleapis.com", "geminiexception", "vertexaiexception"]),
    (Phrase::Momentary, &["concurren", "connection", "shortly", "in a moment"]),
    (Phrase::Zero, &["limit: 0"]),
    (Phrase::LongWindow, &[
        "/ month", "/month", "per month", "per-month", "this month", "monthly limit",
        "monthly quota", "monthly usage", "monthly token", "monthly request", "monthly budget",
        "monthly cap", "weekly limit", "weekly usage", "weekly quota", "daily limit", "daily quota",
        "daily usage", "daily request", "daily token", "daily free", "models-per-day", "limit_rpd/",
    ]),
    (Phrase::Day, &["per day", "per-day", "/ day", "/day", "a day limit"]),
    (Phrase::Minute, &[
        "per minute", "per-minute", "per min", "per-min", "models-per-min", "/ minute", "/minute",
        "/ min", "/min", "per second", "per hour", "per 1 hour", "limit_rpm/", "(rpm)", "(tpm)",
        "rpm quota", "tpm quota", "rpm limit", "tpm limit",
    ]),
    (Phrase::AccountBlocked, &[
        "temporarily blocked", "account was flagged", "account has been flagged",
    ]),
    (Phrase::RollingDay, &["(rpd)", "(tpd)"]),
    (Phrase::RequestTooLarge, &["request too large", "request is too large"]),
    (Phrase::StatesUse, &["used "]),
    (Phrase::PayloadTooLarge, &[
        "payload size exceeds", "payload too large", "payload is too large", "entity too large",
        "request body too large", "request body is too large", "maximum allowed number of bytes",
        "maximum request size", "message larger than max",
    ]),
    (Phrase::Memory, &["requires more system memory"]),
    (Phrase::Overload, &[
        "overloaded", "at capacity", "over capacity", "out of capacity", "no capacity",
        "insufficient capacity", "capacity temporarily exceeded", "not enough capacity",
        "experiencing high demand", "due to high demand", "high load", "heavy load", "high traffic",
        "peak load", "load shedding", "too busy", "model busy", "server busy", "server is busy",
        "currently loading", "before the given deadline", "temporarily unavailable",
        "flex tier capacity",
    ]),
    (Phrase::ServerFault, &[
        "the server had an error", "internal server error", "internal error", "server error",
        "an error occurred while", "an error occurred during",
    ]),
    (Phrase::RateLimit, &[
        "rate limit", "rate-limit", "rate limited", "ratelimit", "rate exceeded",
        "rate is too high", "too many connections", "too many tokens, please wait",
        "too many requests", "resource exhausted", "tier capacity exceeded",
    ]),
    (Phrase::TimedOut, &["timed out", "timeout"]),
    (Phrase::Model, &["model"]),
    (Phrase::NotFound, &["not found", "does not exist"]),
    (Phrase::NoKey, &[
        "unauthorized", "unauthenticated", "authentication failed", "no api key", "missing api key",
        "security token",
    ]),
    (Phrase::Denied, &["access denied", "permission denied", "not authorized", "forbidden"]),
    (Phrase::BadRequest, &[
        "bad request", "invalid request", "malformed input", "is not supported", "does not support",
    ]),
    (Phrase::Unavailable, &["service unavailable", "not ready for inference"]),
    // Words that mean little alone. A rule asks for several of them.
    (Phrase::Prompt, &["prompt", "input", "messages", "conversation"]),
    (Phrase::Exceeds, &[
        "exceed", "too long", "longer than", "greater than", "more tokens than", "must be <=",
        "must have less than", "reduce the length",
    ]),
    (Phrase::Tokens, &[
        "token", "context", "sequence length", "input length", "prompt length", "length of your",
    ]),
    (Phrase::Refused, &["blocked", "rejected", "refused", "filtered", "violat", "prohibited"]),
    (Phrase::Harm, &[
        "safety", "moderation", "harmful", "inappropriate", "sensitive content", "sensitive words",
        "unsafe", "responsible ai",
    ]),
    (Phrase::Blocked, &["blocked", "deny-list", "denylist"]),
];

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
}
