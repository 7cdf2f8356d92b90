//! Each rule from both sides: a response that it decides, and one that looks alike and is not its.
//!
//! None of these is a row of the conformance corpus; that lives in `tests/conformance`.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tower_steady_classify::{Provider, classify_response, rules};
use tower_steady_core::{Class, Outcome};

use Class::*;

struct Case {
    /// The rule under test. `near` cases must be decided by another one.
    rule: &'static str,
    near: bool,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    provider: Option<Provider>,
    class: Class,
    retry: bool,
}

impl Case {
    fn outcome(&self) -> Outcome {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let sse = self.body.starts_with("data:") || self.body.starts_with("event:");
        let content_type = if sse {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(content_type));
        let status = StatusCode::from_u16(self.status).unwrap();
        classify_response(status, &headers, self.body.as_bytes(), self.provider)
    }
}

const fn case(
    rule: &'static str,
    status: u16,
    body: &'static str,
    class: Class,
    retry: bool,
) -> Case {
    Case {
        rule,
        near: false,
        status,
        headers: &[],
        body,
        provider: None,
        class,
        retry,
    }
}

/// Decided by `rule`, with the class's own transience unless the table says so.
const fn yes(rule: &'static str, status: u16, body: &'static str, class: Class) -> Case {
    case(rule, status, body, class, class.is_transient())
}

/// Looks like `rule`, is not.
const fn no(rule: &'static str, status: u16, body: &'static str, class: Class) -> Case {
    Case {
        near: true,
        ..case(rule, status, body, class, class.is_transient())
    }
}

impl Case {
    const fn of(self, provider: Provider) -> Self {
        Self {
            provider: Some(provider),
            ..self
        }
    }

    const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    const fn retry(self, retry: bool) -> Self {
        Self { retry, ..self }
    }
}

#[rustfmt::skip] // one case a line
static CASES: &[Case] = &[
    yes("content-policy-code", 400, r#"{"error":{"code":"moderation_blocked","type":"image_generation_user_error","message":"Rejected."}}"#, ContentPolicy),
    yes("content-policy-code", 500, r#"{"error":{"code":"contentFilter","message":"Your task failed."}}"#, ContentPolicy),
    no("content-policy-code", 400, r#"{"error":{"code":"content_filter_config_missing","message":"Unknown filter set."}}"#, InvalidRequest),
    yes("context-length-code", 400, r#"{"error":{"type":"exceed_context_size_error","code":400,"message":"too big","n_ctx":4096}}"#, ContextLength),
    no("context-length-code", 400, r#"{"error":{"code":"string_above_max_length","message":"Invalid 'metadata': string too long."}}"#, InvalidRequest),
    yes("quota-of-a-day", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded.","details":[{" @type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","metadata":{"quota_limit":"GenerateContentRequestsPerDayPerProject"}},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3s"}]}}"#, QuotaExhausted),
    no("quota-of-a-day", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded.","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","metadata":{"quota_limit":"GenerateContentRequestsPerMinutePerProject"}}]}}"#, RateLimited),
    yes("in-flight-budget", 402, r#"{"error":{"code":402,"message":"Too many calls in flight","metadata":{"limit_source":"openrouter_in_flight_budget"}}}"#, RateLimited),
    no("in-flight-budget", 402, r#"{"error":{"code":402,"message":"Buy more","metadata":{"limit_source":"openrouter_credits"}}}"#, QuotaExhausted),
    yes("quota-code", 429, r#"{"error":{"type":"insufficient_quota","code":"project_spend_limit_exceeded","message":"Over."}}"#, QuotaExhausted),
    yes("quota-code", 429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"Limit","details":{"error_code":"enforced_spend_limit_reached"}}}"#, QuotaExhausted).with(&[("x-should-retry", "true")]),
    yes("quota-code", 200, "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"billing_hard_limit_reached\",\"message\":\"x\"}}}\n\n", QuotaExhausted),
    no("quota-code", 429, r#"{"error":{"type":"requests","code":"request_quota_exceeded","param":"quota","message":"Requests per minute limit exceeded - too many requests sent."}}"#, RateLimited),
    yes("quota-exception", 400, r#"{"__type":"com.amazonaws.bedrock#ServiceQuotaExceededException","message":"Over the account's quota"}"#, QuotaExhausted),
    no("quota-exception", 400, r#"{"__type":"com.amazonaws.bedrock#ValidationException","message":"ServiceQuotaExceededException is not a model"}"#, InvalidRequest),
    yes("quota-reason", 403, r#"{"error":{"code":403,"message":"Daily Limit Exceeded","errors":[{"domain":"usageLimits","reason":"dailyLimitExceeded"}]}}"#, QuotaExhausted),
    no("quota-reason", 429, r#"{"error":{"code":"quota_exceeded","message":"Try again in 2s"}}"#, RateLimited),
    yes("quota-reason", 402, r#"{"error":{"message":"See the settings.","type":"credit_limit","param":null,"code":null}}"#, QuotaExhausted),
    no("quota-reason", 429, r#"{"error":{"message":"You have been rate limited. Your rate limit is 60 queries per minute.","type":"credit_limit"}}"#, RateLimited),
    yes("throttling-exception", 400, r#"{"message":"Rate exceeded"}"#, RateLimited).with(&[("x-amzn-errortype", "ThrottlingException:")]),
    yes("throttling-exception", 400, r#"{"message":"Rate exceeded"}"#, RateLimited).with(&[("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/")]),
    no("throttling-exception", 400, r#"{"message":"ThrottlingException"}"#, InvalidRequest).with(&[("x-amzn-errortype", "ValidationException")]),
    yes("too-large-code", 400, r#"{"type":"error","error":{"type":"request_too_large","message":"Too big."}}"#, TooLarge),
    no("too-large-code", 413, r#"{"error":{"code":"rate_limit_exceeded","type":"tokens","message":"Please reduce your message size and try again."}}"#, TooLarge),
    yes("overload-code", 500, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, Overloaded),
    yes("overload-code", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"No capacity","details":[{"reason":"MODEL_CAPACITY_EXHAUSTED"}]}}"#, Overloaded),
    yes("overload-code", 429, r#"{"message":"The model is warming up."}"#, Overloaded).with(&[("x-amzn-errortype", "ModelNotReadyException")]),
    no("overload-code", 500, r#"{"type":"error","error":{"type":"api_error","message":"Unexpected"}}"#, ServerError),
    yes("model-error-upstream", 424, r#"{"message":"The model failed.","originalStatusCode":422}"#, InvalidRequest).with(&[("x-amzn-errortype", "ModelErrorException")]),
    no("model-error-upstream", 424, r#"{"message":"The model failed.","originalStatusCode":503}"#, ServerError).with(&[("x-amzn-errortype", "ModelErrorException")]),
    yes("key-code", 400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"Bad key","details":[{"reason":"API_KEY_INVALID"}]}}"#, Auth),
    yes("key-code", 403, r#"{"message":"The request signature does not match"}"#, Auth).with(&[("x-amzn-errortype", "InvalidSignatureException")]),
    no("key-code", 403, r#"{"message":"No access to this model"}"#, Permission).with(&[("x-amzn-errortype", "AccessDeniedException")]),
    yes("not-found-code", 403, r#"{"error":{"code":"model_not_found","type":"invalid_request_error","message":"Project `p` does not have access to model `m`"}}"#, NotFound),
    no("not-found-code", 403, r#"{"error":{"code":"permission_denied","message":"model_not_found"}}"#, Permission),
    yes("permission-code", 400, r#"{"error":{"code":"unsupported_country_region_territory","message":"No."}}"#, Permission),
    no("permission-code", 400, r#"{"error":{"code":"unsupported_parameter","message":"No `temperature`."}}"#, InvalidRequest),
    yes("context-length-phrase", 400, r#"{"message":"Input is too long for requested model."}"#, ContextLength),
    yes("context-length-phrase", 403, r#"{"error":{"message":"Input token count + max_tokens parameter must be less than the model's context length","type":"invalid_request_error"}}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"object":"error","message":"The decoder prompt (length 9000) is longer than the maximum model length of 8192.","type":"BadRequestError","code":400}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"error":{"message":"The prompt (total length 9000) is too long to fit into the model (context length 8192).","code":400}}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"error":"The model is loaded with context length of only 4096 tokens, which is not enough."}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"error":{"message":"prompt token count of 140000 exceeds the limit of 128000"}}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"message":"too many tokens: size limit exceeded by 11326 tokens. Try using fewer inputs."}"#, ContextLength),
    no("context-length-phrase", 400, r#"{"error":{"message":"too many tokens in logit_bias: 1025 > 1024"}}"#, InvalidRequest),
    no("context-length-phrase", 403, r#"{"error":{"message":"Your plan does not allow the 1M context window"}}"#, Permission),
    no("context-length-phrase", 500, r#"{"message":"Too many tokens, please wait before trying again."}"#, ServerError),
    no("context-length-phrase", 400, r#"{"error":"This name is too long to fit into the index."}"#, InvalidRequest),
    no("context-length-phrase", 429, r#"{"message":"Too many tokens, please slow down."}"#, RateLimited),
    no("context-length-phrase", 400, r#"{"error":{"message":"`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the `context_window` for this model","type":"invalid_request_error"}}"#, InvalidRequest),
    no("context-length-phrase", 400, r#"{"error":{"message":"max_tokens is too large: 100000. This model supports at most 16384 completion tokens.","param":"max_tokens","code":"invalid_value"}}"#, InvalidRequest),
    yes("account-blocked", 403, r#"{"error":{"code":"Forbidden","message":"Your resource has been temporarily blocked because we detected behavior that may violate our content policy."}}"#, Permission),
    no("account-blocked", 403, r#"{"error":{"code":"Forbidden","message":"Your prompt was flagged by our content policy."}}"#, ContentPolicy),
    yes("content-policy-phrase", 403, r#"{"code":"permission-denied","error":"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X."}"#, ContentPolicy).of(Provider::Other),
    yes("content-policy-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#, ContentPolicy),
    yes("content-policy-phrase", 400, r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error","code":"invalid_request_error"}}"#, ContentPolicy),
    yes("guardrail-phrase", 400, r#"{"message":"Blocked by guardrail"}"#, ContentPolicy),
    yes("guardrail-phrase", 403, r#"{"error":{"message":"Request blocked by guardrail: prompt injection detected","code":403}}"#, ContentPolicy),
    no("guardrail-phrase", 400, r#"{"message":"The guardrail identifier or version provided in the request does not exist."}"#, InvalidRequest),
    no("guardrail-phrase", 404, r#"{"message":"No such guardrail"}"#, NotFound),
    no("content-policy-phrase", 400, r#"{"error":{"message":"Invalid role 'my content filtering policy says no'.","type":"invalid_request_error"}}"#, InvalidRequest),
    yes("location-phrase", 400, r#"{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"User location is not supported for the API use without a billing account linked."}}"#, Permission),
    no("location-phrase", 400, r#"{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"Location is not a valid field."}}"#, InvalidRequest),
    yes("memory-phrase", 500, r#"{"error":"model requires more system memory (50.1 GiB) than is available (8.2 GiB)"}"#, ServerError).retry(false),
    no("memory-phrase", 500, r#"{"error":"unable to allocate memory"}"#, ServerError),
    yes("balance-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#, QuotaExhausted),
    yes("balance-phrase", 502, r#"{"error":{"message":"Insufficient Balance"}}"#, QuotaExhausted),
    no("balance-phrase", 503, r#"{"error":{"message":"Insufficient balance of workers"}}"#, Overloaded),
    no("quota-phrase", 502, r#"{"error":{"message":"upstream retry budget exceeded"}}"#, ServerError),
    no("current-quota-phrase", 429, r#"{"error":{"message":"Concurrency quota is exhausted, retry in a moment"}}"#, RateLimited),
    yes("quota-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-01-01 at 00:00 UTC."}}"#, QuotaExhausted),
    yes("current-quota-phrase", 429, r#"{"error":{"message":"litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please check your plan and billing details.","code":"429"}}"#, QuotaExhausted),
    no("current-quota-phrase", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota, please check your plan and billing details."}}"#, RateLimited),
    no("current-quota-phrase", 429, r#"{"error":{"message":"You exceeded your current quota of 20 requests per minute."}}"#, RateLimited),
    no("current-quota-phrase", 429, r#"{"error":{"message":"You exceeded your current quota. Please retry in 22.5s."}}"#, RateLimited),
    no("current-quota-phrase", 429, r#"{"error":{"message":"[GoogleGenerativeAI Error]: Error fetching from https://generativelanguage.googleapis.com/v1beta/models/x: [429 Too Many Requests] You exceeded your current quota."}}"#, RateLimited),
    no("current-quota-phrase", 429, r#"{"error":{"message":"litellm.RateLimitError: GeminiException - You exceeded your current quota. For more information head to: https://ai.google.dev/x."}}"#, RateLimited),
    no("current-quota-phrase", 429, r#"{"error":{"message":"The TPM quota has been exhausted."}}"#, RateLimited),
    yes("current-quota-phrase", 429, r#"{"error":{"message":"Token quota exhausted, please contact the administrator","code":"consumer_token_quota_exceeded","type":"quota_exceeded"}}"#, QuotaExhausted),
    no("current-quota-phrase", 429, r#"{"error":{"message":"Request quota exhausted, please try again in 20s","type":"quota_exceeded"}}"#, RateLimited),
    yes("spend-phrase", 429, r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"ai gateway account daily spend limit exceeded. Retry after the limit resets."}"#, QuotaExhausted),
    no("spend-phrase", 429, r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Exceeded the workspace's limit of queries per second."}"#, RateLimited),
    yes("quota-of-zero", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota.\n* Quota exceeded for metric: x, limit: 0, model: gemini-x"}}"#, QuotaExhausted),
    yes("spend-phrase", 412, r#"{"error":{"message":"Account acme is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices."}}"#, QuotaExhausted),
    no("quota-of-zero", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: x, limit: 05, model: gemini-x"}}"#, RateLimited),
    yes("quota-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified workspace API usage limits. You will regain access on 2026-02-01 at 00:00 UTC."}}"#, QuotaExhausted),
    yes("quota-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"You're out of extra usage. Add more and keep going."}}"#, QuotaExhausted),
    yes("quota-phrase", 200, "event: error\ndata: {\"type\":\"error\",\"message\":\"You have either run out of available resources or do not have an active subscription.\"}\n\n", QuotaExhausted),
    yes("quota-phrase", 401, r#"{"error":{"message":"You have no credits left.","type":"auth_error","code":"401"}}"#, QuotaExhausted),
    no("quota-phrase", 401, r#"{"error":{"message":"No credit card is needed; the key is wrong.","type":"auth_error","code":"401"}}"#, Auth),
    no("quota-phrase", 400, r#"{"type":"error","error":{"type":"invalid_request_error","message":"workspace: unknown field"}}"#, InvalidRequest),
    no("quota-phrase", 429, r#"{"error":"Too Many Requests","message":"You have exceeded your usage limits. Please try again later."}"#, RateLimited),
    yes("quota-window-phrase", 429, r#"{"message":"You are using a Trial key, which is limited to 1000 API calls / month."}"#, QuotaExhausted),
    yes("quota-window-phrase", 429, r#"{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day","code":429}}"#, QuotaExhausted),
    yes("quota-window-phrase", 429, r#"{"error":{"message":"Your monthly limit is used up. It was 100 calls per minute besides."}}"#, QuotaExhausted),
    yes("quota-window-phrase", 429, r#"{"error":{"message":"Rate limit exceeded: limit_rpd/some/model/1","code":429}}"#, QuotaExhausted),
    no("quota-window-phrase", 429, r#"{"error":{"message":"Rate limit exceeded: 20 requests per minute. Upgrade from $20 / month for more."}}"#, RateLimited),
    no("quota-window-phrase", 429, r#"{"message":"You are using a Trial key, which is limited to 40 API calls / minute."}"#, RateLimited),
    yes("quota-day-phrase", 429, r#"{"message":"Too many tokens per day, please wait before trying again."}"#, QuotaExhausted),
    yes("quota-day-phrase", 429, r#"{"message":"Too many tokens per day, please wait before trying again."}"#, QuotaExhausted).with(&[("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/")]),
    yes("quota-day-phrase", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for quota metric 'Embed requests' and limit 'Embed requests per day' of service 'x.googleapis.com'."}}"#, QuotaExhausted),
    no("quota-day-phrase", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for quota metric 'Embed requests' and limit 'Embed requests per minute' of service 'x.googleapis.com'."}}"#, RateLimited),
    no("quota-day-phrase", 429, r#"{"error":{"message":"Rate limit exceeded: free-models-per-min. Add 10 credits to unlock 1000 free model requests per day","code":429}}"#, RateLimited),
    no("quota-day-phrase", 429, r#"{"error":"Slow down: 'I run 5 km per day' was your last call"}"#, RateLimited),
    no("quota-day-phrase", 429, r#"{"error":{"message":"Rate limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1.","type":"requests","code":"rate_limit_exceeded"}}"#, RateLimited),
    no("quota-day-phrase", 429, r#"{"error":{"message":"Limit of 50 per day reached. Please wait 66533 seconds before retrying.","code":"RateLimitReached"}}"#, RateLimited),
    yes("request-over-limit", 429, r#"{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 31538.","type":"tokens","code":"rate_limit_exceeded"}}"#, TooLarge),
    yes("request-over-limit", 429, r#"{"error":{"message":"Request too large: Limit 30000, Used 10, Requested 31538."}}"#, TooLarge),
    no("request-over-limit", 429, r#"{"error":{"message":"Rate limit reached on tokens per min (TPM): Limit 1, Used 1, Requested 19304. Please try again in 28ms.","type":"tokens","code":"rate_limit_exceeded"}}"#, RateLimited),
    yes("request-over-limit", 429, r#"{"error":{"message":"Request too large for organization org-x.","type":"tokens","code":"rate_limit_exceeded"}}"#, TooLarge),
    no("request-over-limit", 429, r#"{"error":{"message":"Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 1538. Please try again in 1.074s.","type":"tokens","code":"rate_limit_exceeded"}}"#, RateLimited),
    yes("payload-phrase", 400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"Request payload size exceeds the limit: 20971520 bytes."}}"#, TooLarge),
    yes("payload-phrase", 200, "data: {\"error\":\"Request body is too large\"}\n\n", TooLarge),
    yes("payload-phrase", 200, "", TooLarge).with(&[("content-type", "application/grpc"), ("grpc-status", "8"), ("grpc-message", "grpc: received message larger than max (5242880 vs. 4194304)")]),
    no("payload-phrase", 400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"temperature exceeds the limit: 2."}}"#, InvalidRequest),
    yes("key-phrase", 403, r#"{"error":"Please check the api-key you provided."}"#, Auth),
    no("key-phrase", 403, r#"{"error":"Please check the model you provided."}"#, Permission),
    yes("overload-phrase", 429, r#"{"error":{"message":"The engine is currently overloaded","type":"error"}}"#, Overloaded),
    yes("overload-phrase", 500, r#"{"error":{"message":"That model is currently overloaded with other requests.","type":"server_error"}}"#, Overloaded),
    yes("balance-phrase", 429, r#"{"error":{"code":null,"message":"您的账户已欠费，请充值后重试。"}}"#, QuotaExhausted),
    no("quota-phrase", 429, r#"{"error":{"code":"1302","message":"您的账户请求过多，请稍后重试。"}}"#, RateLimited),
    yes("overload-phrase", 429, r#"{"error":{"code":"429","message":"The system is currently experiencing high demand."}}"#, Overloaded),
    no("overload-phrase", 429, r#"{"error":{"code":429,"message":"Rate limit exceeded: limit_rpm/x/y. High demand for x/y: limited to 2 requests per minute."}}"#, RateLimited),
    no("overload-phrase", 429, r#"{"error":{"message":"You have exhausted that capacity's share.","type":"error"}}"#, RateLimited),
    yes("rate-limit-reason", 403, r#"{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}]}}"#, RateLimited),
    yes("rate-limit-reason", 403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Too fast","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}"#, RateLimited),
    no("rate-limit-reason", 403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"rateLimitExceeded","errors":[{"domain":"global","reason":"forbidden"}]}}"#, Permission),
    yes("rate-limit-code", 200, "data: {\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}\n\n", RateLimited),
    no("rate-limit-code", 413, r#"{"error":{"code":"rate_limit_exceeded","message":"reduce"}}"#, TooLarge),
    yes("rate-limit-stated", 500, r#"{"error":{"code":"429","message":"upstream said no"}}"#, RateLimited),
    no("rate-limit-stated", 500, r#"{"error":{"code":"500","message":"upstream said 429"}}"#, ServerError),
    yes("unavailable-code", 200, r#"{"code":"The service is currently unavailable","error":"Timed out waiting for first token"}"#, Overloaded),
    no("unavailable-code", 504, r#"{"error":{"code":504,"status":"UNAVAILABLE","message":"x"}}"#, Timeout),
    yes("timeout-exception", 400, r#"{"message":"Your socket was idle."}"#, Timeout).with(&[("x-amzn-errortype", "RequestTimeoutException")]),
    yes("timeout-exception", 400, r#"{"__type":"com.amazonaws#RequestTimeout","message":"Late."}"#, Timeout),
    no("timeout-exception", 400, r#"{"__type":"com.amazonaws#ValidationException","message":"RequestTimeout must be a number"}"#, InvalidRequest),
    yes("unavailable-code", 200, "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"slow_down\",\"message\":\"Please\"}}}\n\n", Overloaded),
    no("unavailable-code", 429, r#"{"error":{"code":"slow_down","message":"Reduce your rate"}}"#, RateLimited),
    yes("timeout-code", 500, r#"{"error":{"code":500,"status":"DEADLINE_EXCEEDED","message":"x"}}"#, Timeout),
    no("timeout-code", 400, r#"{"error":{"code":"timeout","message":"must be a positive number"}}"#, InvalidRequest),
    yes("server-fault-phrase", 200, "data: {\"error\":{\"message\":\"The server had an error processing your request. You can retry your request.\",\"type\":\"invalid_request_error\"}}\n\n", ServerError),
    yes("server-fault-phrase", 200, "data: {\"error\":{\"message\":\"An error occurred during streaming.\",\"type\":\"invalid_request_error\"}}\n\n", ServerError),
    no("server-fault-phrase", 200, "data: {\"error\":{\"message\":\"messages: field required\",\"type\":\"invalid_request_error\"}}\n\n", InvalidRequest),
    yes("server-code", 424, r#"{"error":"Request failed during generation","error_type":"generation"}"#, ServerError),
    no("server-code", 424, r#"{"error":{"message":"Your MCP server refused","type":"external_connector_error"}}"#, InvalidRequest),
    yes("conflict-code", 200, "data: {\"error\":{\"status\":\"ABORTED\",\"message\":\"x\"}}\n\n", Conflict),
    no("conflict-code", 400, r#"{"error":{"status":"ABORTED","message":"x"}}"#, InvalidRequest),
    yes("rate-limit-phrase", 200, "data: {\"error\":\"Rate limit exceeded for this key\"}\n\n", RateLimited),
    yes("rate-limit-phrase", 200, "data: {\"object\":\"error\",\"message\":\"Service tier capacity exceeded for this model.\",\"type\":\"invalid_request_error\"}\n\n", RateLimited),
    no("rate-limit-phrase", 400, r#"{"error":"Rate limit must be a number"}"#, InvalidRequest),
    yes("timeout-phrase", 200, "data: {\"error\":\"upstream timed out\"}\n\n", Timeout),
    no("timeout-phrase", 200, "data: {\"error\":{\"message\":\"Timeout while downloading the image\",\"type\":\"invalid_request_error\"}}\n\n", InvalidRequest),
    no("timeout-phrase", 400, r#"{"error":"timeout must be a number"}"#, InvalidRequest),
    yes("request-code", 200, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"roles must alternate\"}}\n\n", InvalidRequest),
    yes("parameter-code", 200, "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"image_parse_error\",\"message\":\"x\"}}}\n\n", InvalidRequest),
    no("request-code", 200, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"roles\"}}\n\n", ServerError),
    yes("parameter-code", 400, r#"{"error":{"code":"unsupported_value","message":"My credit balance is too low is no role."}}"#, InvalidRequest),
    no("parameter-code", 400, r#"{"error":{"code":"invalid_request_error","message":"Your credit balance is too low."}}"#, QuotaExhausted),
    yes("context-length-words", 422, r#"{"detail":"The prompt has 9000 tokens and must not exceed 8192"}"#, ContextLength),
    no("context-length-words", 400, r#"{"error":{"message":"The maximum tokens you requested exceeds the model limit of 32768."}}"#, InvalidRequest),
    no("context-length-words", 400, r#"{"error":{"message":"'messages' is too long: at most 2048 elements"}}"#, InvalidRequest),
    no("context-length-words", 400, r#"{"error":{"message":"max_tokens exceeds 4096, the most output tokens"}}"#, InvalidRequest),
    no("context-length-words", 429, r#"{"error":{"message":"Input tokens per minute exceed your limit"}}"#, RateLimited),
    yes("content-policy-words", 403, r#"{"error":{"message":"The image was rejected by moderation"}}"#, ContentPolicy),
    no("content-policy-words", 400, r#"{"error":{"message":"safety_mode is not supported with tools"}}"#, InvalidRequest),
    no("content-policy-words", 403, r#"{"error":{"message":"The call was blocked by a firewall"}}"#, Permission),
    no("parameter-code", 429, r#"{"error":{"code":"unsupported_value","message":"x"}}"#, RateLimited),
    yes("not-found-phrase", 200, "data: {\"error\":\"model 'x' not found\"}\n\n", NotFound),
    no("not-found-phrase", 200, "data: {\"error\":{\"type\":\"invalid_request_error\",\"message\":\"tool x not found\"}}\n\n", InvalidRequest),
    no("not-found-phrase", 503, r#"{"error":"backend not found"}"#, Overloaded),
    no("not-found-phrase", 200, "data: {\"message\":\"required key [x] not found\",\"type\":\"error\"}\n\n", ServerError),
    yes("unavailable-phrase", 200, "data: {\"error\":\"Service Unavailable\"}\n\n", Overloaded),
    no("unavailable-phrase", 500, r#"{"error":"Service Unavailable"}"#, ServerError),
    yes("auth-phrase", 200, "data: {\"error\":\"Unauthorized\"}\n\n", Auth),
    no("auth-phrase", 403, r#"{"error":"Unauthorized"}"#, Permission),
    yes("denied-phrase", 200, "data: {\"error\":\"Forbidden\"}\n\n", Permission),
    no("denied-phrase", 404, r#"{"error":"Access denied"}"#, NotFound),
    yes("request-phrase", 200, "data: {\"error\":\"Bad Request\"}\n\n", InvalidRequest),
    no("request-phrase", 503, r#"{"error":"Bad Request"}"#, Overloaded),
    yes("account-412", 412, "", QuotaExhausted),
    yes("account-412", 412, r#"{"error":{"code":"PRECONDITION_FAILED","message":"Account x is not in good standing"}}"#, QuotaExhausted),
    no("account-412", 417, r#"{"error":{"message":"Account x is not in good standing"}}"#, InvalidRequest),
    yes("guardrail-446", 446, r#"{"code":"900514","type":"Status report","message":"Runtime Error"}"#, ContentPolicy),
    no("guardrail-446", 447, r#"{"code":"900514","message":"Runtime Error"}"#, InvalidRequest),
    yes("dependency-424", 424, "", ServerError).of(Provider::Azure),
    no("dependency-424", 424, "", InvalidRequest).of(Provider::Groq),
    yes("blocked-498", 498, r#"{"message":"blocked input"}"#, ContentPolicy).of(Provider::Cohere),
    no("blocked-498", 498, r#"{"message":"blocked"}"#, Overloaded).of(Provider::Groq),
    yes("token-498", 498, r#"{"message":"invalid token"}"#, Auth).of(Provider::Cohere),
    no("token-498", 498, r#"{"message":"invalid token"}"#, Overloaded),
    yes("capacity-498", 498, r#"{"error":{"message":"Flex tier"}}"#, Overloaded).of(Provider::Groq),
    no("capacity-498", 497, r#"{"error":{"message":"Flex tier"}}"#, InvalidRequest).of(Provider::Groq),
    yes("cancelled-499", 499, r#"{"error":{"code":499,"status":"CANCELLED","message":"The operation was cancelled."}}"#, ServerError),
    no("cancelled-499", 499, r#"{"message":"request cancelled by user"}"#, InvalidRequest).of(Provider::Cohere),
    yes("legal-451", 451, "", Permission),
    no("legal-451", 450, "", InvalidRequest),
    // Numbers that only their provider gives these meanings, and Databricks' code before an answer.
    yes("rate-limit-code", 200, r#"{"base_resp":{"status_code":1002,"status_msg":"slow"}}"#, RateLimited),
    no("rate-limit-code", 200, r#"{"choices":[],"base_resp":{"status_code":0,"status_msg":"rate limit"}}"#, Success),
    yes("rate-limit-code", 200, "data: {\"error\":{\"code\":\"1302\",\"message\":\"并发数过高\"}}\n\n", RateLimited),
    yes("rate-limit-refused", 403, r#"{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/"}"#, RateLimited),
    yes("rate-limit-refused", 403, r#"{"message":"API rate limit exceeded for user ID 1."}"#, RateLimited),
    no("rate-limit-refused", 403, r#"{"message":"You may not change the rate limit of this project."}"#, Permission),
    no("rate-limit-refused", 403, r#"{"message":"Your access exceeds what this project allows."}"#, Permission),
    yes("model-error-upstream", 424, r#"{"ErrorCode":"CLIENT_ERROR_FROM_MODEL","Message":"Received client error (400) from primary.","OriginalStatusCode":400}"#, InvalidRequest).with(&[("x-amzn-errortype", "ModelError")]),
    yes("rate-limit-reason", 400, r#"{"error":{"type":"rate_limit_error","code":"400","message":"Slow."}}"#, RateLimited),
    no("rate-limit-code", 400, r#"{"error":{"type":"invalid_request_error","message":"rate_limit_error"}}"#, InvalidRequest),
    yes("quota-code", 200, r#"{"choices":null,"base_resp":{"status_code":1008,"status_msg":"x"}}"#, QuotaExhausted),
    no("quota-code", 400, r#"{"code":1008,"message":"x"}"#, InvalidRequest),
    yes("key-code", 200, r#"{"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#, Auth),
    no("key-code", 200, r#"{"base_resp":{"status_code":1000,"status_msg":"1004"}}"#, ServerError),
    yes("content-policy-code", 200, r#"{"base_resp":{"status_code":1026,"status_msg":"x"}}"#, ContentPolicy),
    yes("timeout-code", 200, r#"{"base_resp":{"status_code":1001,"status_msg":"x"}}"#, Timeout),
    yes("server-code", 200, r#"{"base_resp":{"status_code":1013,"status_msg":"x"}}"#, ServerError),
    yes("request-code", 200, r#"{"base_resp":{"status_code":2013,"status_msg":"x"}}"#, InvalidRequest),
    yes("unavailable-code", 200, "data: {\"error\":{\"code\":\"1305\",\"message\":\"x\"}}\n\n", Overloaded),
    no("unavailable-code", 400, r#"{"error":{"code":"1305","message":"x"}}"#, InvalidRequest),
    yes("quota-reason", 200, "data: {\"error\":{\"code\":\"quota_exceeded\",\"message\":\"None left\"}}\n\n", QuotaExhausted),
    yes("context-length-phrase", 400, r#"{"error_code":"BAD_REQUEST","message":"BAD_REQUEST: {\"message\":\"Input is too long for requested model.\"}"}"#, ContextLength),
    yes("context-length-phrase", 400, r#"{"error":{"message":"The prompt is 20000 tokens long, but the maximum supported sequence length is just 16384!"}}"#, ContextLength),
    no("context-length-phrase", 400, r#"{"error":{"message":"The sequence length of `stop` is at most 4"}}"#, InvalidRequest),
    yes("balance-phrase", 403, r#"{"code":30001,"message":"Sorry, your account balance is insufficient"}"#, QuotaExhausted),
    no("quota-phrase", 403, r#"{"code":30002,"message":"Your account role is insufficient"}"#, Permission),
    yes("overload-phrase", 429, r#"{"errors":[{"message":"AiError: Capacity temporarily exceeded, please try again.","code":3040}]}"#, Overloaded),
    no("overload-phrase", 429, r#"{"errors":[{"message":"Your rate temporarily exceeded its limit","code":1}]}"#, RateLimited),
    // Not in the table: the status, and an error inside a 200 that says nothing else.
    yes("status", 503, "<html>", Overloaded),
    yes("status", 429, r#"{"error":{"code":"rate_limit_exceeded"}}"#, RateLimited),
    no("status", 200, r#"{"error":{}}"#, Success),
    yes("error-in-success", 200, r#"{"error":{"message":"Oops"}}"#, ServerError),
    no("error-in-success", 200, r#"{"error":null,"choices":[]}"#, Success),
];

#[test]
fn each_rule_decides_its_own_and_leaves_its_neighbours() {
    let wrong: Vec<_> = CASES
        .iter()
        .filter_map(|case| {
            let outcome = case.outcome();
            let right = outcome.class == case.class
                && outcome.transient == case.retry
                && (outcome.rule == Some(case.rule)) != case.near;
            let Case {
                rule, status, body, ..
            } = case;
            (!right).then(|| format!("{rule} on {status} {body}: {outcome:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Shapes and traps of the field beyond the rule that decides them: class, another try, wait in ms.
#[rustfmt::skip] // one case a line
static SHAPES: &[(u16, &str, Class, bool, Option<u64>)] = &[
    // Whose word the outer status or code hides.
    (429, r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"{\"error\":{\"message\":\"Billing\",\"code\":\"insufficient_quota\"}}"}}}"#, QuotaExhausted, false, None),
    (429, r#"{"error":{"message":"Provider returned error","code":"429","metadata":{"raw":"x/model:free is temporarily rate-limited upstream. Please retry shortly"}}}"#, RateLimited, true, None),
    (429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"Too much","details":{"error_code":"enforced_spend_limit_reached"}}}"#, QuotaExhausted, false, None),
    (403, r#"{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged","metadata":{"flagged_input":"rate limit exceeded"}}}"#, ContentPolicy, false, None),
    (400, r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***."}"#, Auth, false, None),
    (429, r#"{"code":"Some resource has been exhausted","error":"Too many tokens for team abc and model grok-4."}"#, RateLimited, true, None),
    (422, r#"{"object":"error","message":{"detail":[{"type":"missing","loc":["body"],"msg":"Field required"}]},"type":"invalid_request_error"}"#, InvalidRequest, false, None),
    (429, r#"{"message":"Requests per minute limit exceeded - too many requests sent.","param":"quota","code":"request_quota_exceeded"}"#, RateLimited, true, None),
    (200, r#"{"id":"g","error":{"code":502,"message":"Provider disconnected"}}"#, ServerError, true, None),
    // What a gateway in front of the provider printed.
    (429, r#"{"error":{"message":"litellm.RateLimitError: RateLimitError: OpenAIException - Error code: 429 - {'error': {'message': 'You exceeded your current quota', 'type': 'insufficient_quota', 'param': None, 'code': 'insufficient_quota'}}","code":"429"}}"#, QuotaExhausted, false, None),
    (400, r#"{"error":{"message":"Error code: 400 - {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 3 > 2\"}}"}}"#, ContextLength, false, None),
    (429, r#"{"error":{"message":"x.RateLimitError: BedrockException - b'{\"message\":\"Please try again in 3s.\"}'. Received Model Group=x"}}"#, RateLimited, true, Some(3_000)),
    (400, r#"{"error":{"message":"Unknown role: {\"error\":{\"code\":\"insufficient_quota\"}}"}}"#, InvalidRequest, false, None),
    // A code inside a 200 has a status's weight: what the message says beside it is read as there.
    (200, "data: {\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"Too many tokens: please slow down\"}}\n\n", RateLimited, true, None),
    (200, "data: {\"error\":{\"code\":\"server_error\",\"message\":\"Of millions of requests per day this one failed\"}}\n\n", ServerError, true, None),
    (200, "data: {\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Your credit balance is too low\"}}\n\n", QuotaExhausted, false, None),
    (200, "data: {\"error\":{\"type\":\"api_error\",\"message\":\"The model is overloaded\"}}\n\n", Overloaded, true, None),
    (200, r#"{"code":"Some resource has been exhausted","error":"Too many tokens for team a"}"#, RateLimited, true, None),
    // Half of an escaped pair, as a cut emoji leaves it.
    (429, r#"{"error":{"message":"Prompt: \ud83d","code":"insufficient_quota"}}"#, QuotaExhausted, false, None),
    (429, r#"{"error":{"message":"C:\\ud83d\ude00","code":"insufficient_quota"}}"#, QuotaExhausted, false, None),
    // What SDKs print of an answer, under another status too.
    (429, r#"{"error":{"message":"429 {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Extra usage is required for long context requests.\"}}"}}"#, QuotaExhausted, false, None),
    (500, r#"{"error":{"message":"400 {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low to access the API.\"}}"}}"#, QuotaExhausted, false, None),
    (400, r#"{"error":{"message":"529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"}}"#, Overloaded, true, None),
    (429, r#"{"error":{"message":"429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'details': [{'violations': [{'quotaId': 'GenerateRequestsPerDayPerProject'}]}]}}"}}"#, QuotaExhausted, false, None),
    (400, r#"{"Code":"Throttling.User","Message":"Request was denied due to user flow control.","RequestId":"x"}"#, RateLimited, true, None),
    (400, r#"{"Error":{"Code":"Throttling","Message":"Rate exceeded"}}"#, RateLimited, true, None),
    (500, r#"{"type":"error","error":{"type":"api_error","message":"insufficient balance (1008)"}}"#, QuotaExhausted, false, None),
    (429, r#"{"error":{"message":"You have exceeded the 5-hour usage quota.","type":"TooManyRequests","code":"AccountQuotaExceeded"}}"#, QuotaExhausted, false, None),
    (429, r#"{"error":{"message":"Provider returned error. No credits were charged.","code":429}}"#, RateLimited, true, None),
    // Waits, as they are written.
    (429, r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}]"#, RateLimited, true, Some(34_400)),
    (429, r#"{"error":{"code":429,"message":"Quota","details":[{"violations":[{"quotaId":"RequestsPerDay"}]},{"retryDelay":"39s"}]}}"#, QuotaExhausted, false, None),
    (429, r#"{"error":{"code":429,"message":"Quota","details":[{"violations":[{"quotaId":"RequestsPerDay"}]},{"retryDelay":"65205s"}]}}"#, QuotaExhausted, false, Some(65_205_000)),
    (429, r#"{"error":{"code":429,"message":"Please retry in 44.097740004s."}}"#, RateLimited, true, Some(44_098)),
    (429, r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 50 seconds."}"#, RateLimited, true, Some(50_000)),
    (429, r#"{"error":{"code":"429","message":"Over the token rate limit of your tier. Please retry after 86400 seconds."}}"#, RateLimited, true, Some(86_400_000)),
    (429, r#"{"error":{"message":"Slow","retryAfter":9}}"#, RateLimited, true, Some(9_000)),
    (429, r#"{"error":{"message":"Slow","retryAfterMs":90}}"#, RateLimited, true, Some(90)),
    (503, r#"{"error":"Model x/y is currently loading","estimated_time":20.0}"#, Overloaded, true, Some(20_000)),
    // An error in a record is that record's, and its type is compared word by word.
    (200, r#"{"object":"thread.run","error":{"code":"server_error","message":"Gone"}}"#, Success, false, None),
    (200, r#"{"type":"runtime_error","error":{"code":"server_error","message":"Gone"}}"#, ServerError, true, None),
    (200, r#"{"done":null,"error":{"code":"server_error","message":"Gone"}}"#, ServerError, true, None),
    // Streams that fail before output, and events that come with a status.
    (200, "event: error\ndata: Rate limit exceeded\n\n", RateLimited, true, None),
    (200, "event: error\ndata: Insufficient Balance\n\n", QuotaExhausted, false, None),
    (200, "data: {\"type\":\"message-start\"}\n\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"internal\"}}\n\n", ServerError, true, None),
    (200, "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"reasoning\",\"summary\":[]}}\n\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"Gone\"}}}\n\n", ServerError, true, None),
    (200, "data: {\"type\":\"codex.rate_limits\",\"rate_limits\":{\"allowed\":true}}\n\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"Gone\"}}}\n\n", Overloaded, true, None),
    (200, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n", Overloaded, true, None),
    (429, "data: [{\"error\":{\"code\":429,\"message\":\"Slow\",\"details\":[{\"retryDelay\":\"5s\"}]}}]\n\n", RateLimited, true, Some(5_000)),
    (200, "data:{\"error\":\"Request failed during generation\",\"error_type\":\"generation\",\"http_status_code\":424}\n\n", ServerError, true, None),
    (200, "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"Please try again in 11.054s.\"}}}\n\n", RateLimited, true, Some(11_054)),
    (200, "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}],\"error\":{\"code\":\"server_error\",\"message\":\"Gone\"}}\n\n", ServerError, true, None),
];

#[test]
fn shapes_of_the_field_are_read() {
    for (status, body, class, retry, millis) in SHAPES {
        let outcome = yes("", *status, body, *class).outcome();
        let wait = outcome.wait.map(|wait| wait.as_millis());
        assert_eq!(
            (outcome.class, outcome.transient, wait),
            (*class, *retry, millis.map(u128::from)),
            "{status} {body}"
        );
    }
}

#[test]
fn every_rule_has_a_case_on_either_side() {
    for rule in rules() {
        for near in [false, true] {
            let there = CASES
                .iter()
                .any(|case| case.rule == rule.name && case.near == near);
            assert!(there, "no case with near = {near} for {}", rule.name);
        }
        assert!(rule.why.len() > 10, "{} says no reason", rule.name);
    }
    let mut names: Vec<_> = rules().map(|rule| rule.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "two rules share a name");
}
