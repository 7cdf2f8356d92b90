//! Anthropic's answers: `{"type":"error","error":{type,message},"request_id"}`.
//!
//! Source of the shapes: the Anthropic API reference (errors, messages, rate limits).

use serde_json::json;

use crate::Answer;

/// Answers in Anthropic's envelope.
impl Answer {
    /// A message with this text.
    pub fn ok_message(text: &str) -> Self {
        Self::new(200).request_id("request-id").json(
            json!({
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-sonnet-4-5",
                "content": [{ "type": "text", "text": text }],
                "stop_reason": "end_turn",
                "stop_sequence": null,
                "usage": { "input_tokens": 10, "output_tokens": 5 },
            })
            .to_string(),
        )
    }

    /// 529, Anthropic's own status for having no capacity, with the word that a retry is welcome.
    pub fn overloaded() -> Self {
        Self::anthropic_error(529, "overloaded_error", "Overloaded")
            .header("x-should-retry", "true")
    }

    /// 429 as Anthropic sends it: always with `retry-after`, here in seconds.
    pub fn anthropic_rate_limited(seconds: u64) -> Self {
        let message = "This request would exceed the rate limit for your organization \
                       (00000000-0000-0000-0000-000000000000) of 20,000 input tokens per minute.";
        Self::anthropic_error(429, "rate_limit_error", message)
            .header("anthropic-ratelimit-input-tokens-limit", "20000")
            .header("anthropic-ratelimit-input-tokens-remaining", "0")
            .header("x-should-retry", "true")
            .retry_after(seconds)
    }

    /// 400, but it is the credit that has run out; only the message tells.
    pub fn credit_too_low() -> Self {
        let message = "Your credit balance is too low to access the Anthropic API. Please go to \
                       Plans & Billing to upgrade or purchase credits.";
        Self::anthropic_error(400, "invalid_request_error", message)
    }

    /// Any error in Anthropic's envelope.
    pub fn anthropic_error(status: u16, kind: &str, message: &str) -> Self {
        let error = json!({ "details": null, "type": kind, "message": message });
        let body = json!({ "type": "error", "error": error, "request_id": "req_011CSample" });
        Self::new(status)
            .request_id("request-id")
            .json(body.to_string())
    }
}
