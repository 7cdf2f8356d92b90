//! The answers of OpenAI and of the many that copy its envelope, `{"error":{message,type,param,code}}`.
//!
//! Sources of the shapes: the OpenAI API reference (errors, chat completions), and public issues in
//! which users quote what they got.

use serde_json::json;

use crate::Answer;

const REQUEST_ID: &str = "x-request-id";

/// Answers in OpenAI's envelope.
impl Answer {
    /// A chat completion with this text.
    pub fn ok_chat(text: &str) -> Self {
        Self::new(200).request_id(REQUEST_ID).json(
            json!({
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": "gpt-4o-mini",
                "choices": [{
                    "index": 0,
                    "message": { "role": "assistant", "content": text },
                    "finish_reason": "stop",
                }],
                "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 },
            })
            .to_string(),
        )
    }

    /// 429, over a rate limit that refills. Says nothing about when: see [`Answer::retry_after`].
    pub fn rate_limited() -> Self {
        let message = "Rate limit reached for gpt-4o-mini in organization org-1 on tokens per min \
                       (TPM): Limit 10000, Used 9636, Requested 2000.";
        Self::openai_error(429, message, "tokens", Some("rate_limit_exceeded"))
    }

    /// 429, but the account is out of credit: trying again is in vain.
    pub fn insufficient_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details. \
                       For more information on this error, read the docs: \
                       https://platform.openai.com/docs/guides/error-codes/api-errors.";
        let kind = "insufficient_quota";
        Self::openai_error(429, message, kind, Some(kind))
    }

    /// 400, a malformed request.
    pub fn invalid_request() -> Self {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        let kind = "invalid_request_error";
        Self::openai_error(400, message, kind, Some("unsupported_parameter"))
    }

    /// 400, the prompt does not fit the model. The message says "try again" and means another one.
    pub fn context_length() -> Self {
        let message = "Your input exceeds the context window of this model. Please adjust your \
                       input and try again.";
        let kind = "invalid_request_error";
        Self::openai_error(400, message, kind, Some("context_length_exceeded"))
    }

    /// 401, a wrong key.
    pub fn unauthorized() -> Self {
        let message = "Incorrect API key provided: sk-****. You can find your API key at \
                       https://platform.openai.com/account/api-keys.";
        let kind = "invalid_request_error";
        Self::openai_error(401, message, kind, Some("invalid_api_key"))
    }

    /// 403, a good key in the wrong place.
    pub fn forbidden() -> Self {
        let message = "Country, region, or territory not supported";
        let code = "unsupported_country_region_territory";
        Self::openai_error(403, message, "request_forbidden", Some(code))
    }

    /// 404, no such model.
    pub fn not_found() -> Self {
        let message = "The model `gpt-3` does not exist";
        let kind = "invalid_request_error";
        Self::openai_error(404, message, kind, Some("model_not_found"))
    }

    /// 422.
    pub fn unprocessable() -> Self {
        Self::openai_error(422, "Unprocessable entity", "invalid_request_error", None)
    }

    /// 500.
    pub fn server_error() -> Self {
        let message = "The server had an error while processing your request. Sorry about that!";
        Self::openai_error(500, message, "server_error", None)
    }

    /// 503, no capacity right now.
    pub fn unavailable() -> Self {
        let message = "Our servers are currently overloaded. Please try again later.";
        let kind = "service_unavailable_error";
        Self::openai_error(503, message, kind, Some("server_is_overloaded"))
    }

    /// 502 with the HTML page of a proxy in front of the provider.
    pub fn bad_gateway() -> Self {
        Self::proxy_page(502, "Bad Gateway")
    }

    /// 504 with the HTML page of a proxy in front of the provider.
    pub fn gateway_timeout() -> Self {
        Self::proxy_page(504, "Gateway Time-out")
    }

    /// Any error in OpenAI's envelope.
    pub fn openai_error(status: u16, message: &str, kind: &str, code: Option<&str>) -> Self {
        let error = json!({ "message": message, "type": kind, "param": null, "code": code });
        Self::new(status)
            .request_id(REQUEST_ID)
            .json(json!({ "error": error }).to_string())
    }

    fn proxy_page(status: u16, reason: &str) -> Self {
        Self::new(status)
            .header("content-type", "text/html")
            .body(format!(
                "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
             <center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n\
             </body>\r\n</html>\r\n"
            ))
    }
}
