//! The table. One rule a line where a line holds it: name, where, what, class, and why.
//!
//! Order matters: policy and context codes, then billing, then requests that never fit, then what a
//! wait cures, then words that only an error inside a 200 needs, last the statuses that mean
//! different things at different providers. What no rule knows is judged by its status.

use tower_steady_core::Class::{self, *};

use super::on::On;
use super::{Rule, Then, When};
use crate::facts::{Name, Phrase, Phrases};
use crate::{Facts, Provider};

const fn rule(name: &'static str, on: On, when: When, class: Class, why: &'static str) -> Rule {
    Rule {
        name,
        on,
        when,
        class,
        then: Then::AsClass,
        why,
    }
}

impl Rule {
    const fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

const fn says(phrase: Phrase) -> When {
    When::Says(Phrases::of(phrase))
}

macro_rules! ids {
    ($($name:literal)*) => {
        When::Id(const { &[$(Name::new($name)),*] })
    };
}

const ANY: On = On::ANY;
/// Words that a status already says are asked only where the status does not.
const UNSAID: On = On::STREAM.or(On::S424).or(On::S500).or(On::S502);
/// Where a request may be refused for what it says.
const REFUSAL: On = On::S400
    .or(On::S403)
    .or(On::S422)
    .or(On::S451)
    .or(On::STREAM);
/// Where a bill may be the reason.
const BILL: On = On::S400
    .or(On::S401)
    .or(On::S402)
    .or(On::S403)
    .or(On::S412)
    .or(On::S429)
    .or(On::STREAM);
/// Where a prompt may not fit.
const FIT: On = On::S400
    .or(On::S403)
    .or(On::S413)
    .or(On::S422)
    .or(On::S424)
    .or(On::S500)
    .or(On::STREAM);
const WINDOW: On = On::S403.or(On::S429).or(On::STREAM);
const BUSY: On = On::S424
    .or(On::S429)
    .or(On::S500)
    .or(On::S502)
    .or(On::STREAM);
const KEY: On = On::S400.or(On::S403).or(On::STREAM);

#[rustfmt::skip] // one rule a line
pub(super) static TABLE: &[Rule] = &[
    // What the request says, or its length: final whatever the status.
    rule("content-policy-code", ANY, ids!["content_policy_violation" "content_filter" "content_filtered" "content_filter_error" "contentfilter" "moderation_blocked" "moderation_error" "cyber_policy" "bio_policy" "ResponsibleAIPolicyViolation" "image_content_policy_violation" "invalid_prompt" "safety_violation" "sensitive_words_detected" "SensitiveContentDetected" "InputTextSensitiveContentDetected" "OutputTextSensitiveContentDetected" "InputImageSensitiveContentDetected" "OutputImageSensitiveContentDetected" "data_inspection_failed" "content_policy" "GuardrailIntervened" "hooks_failed" "base_resp.1026" "base_resp.1027"], ContentPolicy, "a filter refused the prompt or the answer and will refuse it again"),
    rule("context-length-code", ANY, ids!["context_length_exceeded" "context_window_exceeded" "context_length_error" "model_context_window_exceeded" "exceed_context_size_error" "ContextWindowExceededError" "prompt_too_long" "model_max_prompt_tokens_exceeded" "input_too_long"], ContextLength, "the prompt is as long the next time"),
    // Bills and fixed windows.
    rule("quota-of-a-day", ANY, When::Check(|facts| facts.fixed_window()), QuotaExhausted, "google.rpc names a violated quota of a day; a RetryInfo of seconds beside it is about another one").then(Then::GiveUpDespiteWait),
    rule("in-flight-budget", On::S402.or(On::S403).or(On::S429), ids!["openrouter_in_flight_budget"], RateLimited, "OpenRouter holds credit back for calls in flight and releases it when they end"),
    rule("quota-code", ANY, ids!["insufficient_quota" "credit_balance_exhausted" "organization_spend_limit_exceeded" "project_spend_limit_exceeded" "organization_usage_limit_exceeded" "project_usage_limit_exceeded" "billing_not_active" "billing_hard_limit_reached" "billing_error" "usage_limit_reached" "usage_not_included" "enforced_spend_limit_reached" "spend_limit_reached" "spend_limit_exceeded" "QUOTA_EXHAUSTED" "INSUFFICIENT_G1_CREDITS_BALANCE" "insufficient_credits" "insufficient_balance" "insufficient_funds" "insufficient_user_quota" "exceeded_current_quota_error" "payment_required" "budget_exceeded" "BILLING_DISABLED" "Arrearage" "AllocationQuota.FreeTierOnly" "PrepaidBillOverdue" "PostpaidBillOverdue" "AccountOverdueError" "SetLimitExceeded" "AccountQuotaExceeded" "NOT_ENOUGH_BALANCE" "token_quota_reached" "pre_consume_token_quota_failed" "base_resp.1008" "base_resp.2056" "1113" "1304" "1308" "1309" "1310"], QuotaExhausted, "a named bill: only a payment or a higher limit helps").then(Then::GiveUpForGood),
    rule("quota-exception", ANY, ids!["ServiceQuotaExceededException"], QuotaExhausted, "an account's quota; the AWS SDKs do not retry it"),
    rule("quota-reason", On::S401.or(On::S402).or(On::S403).or(On::STREAM), ids!["quota_exceeded" "credit_limit" "dailyLimitExceeded" "dailyLimitExceededUnreg"], QuotaExhausted, "Google's older reasons for a used-up quota, on a 403, Copilot's in a stream, and Together's credit_limit, which on a 429 is a rate limit"),
    rule("quota-window-phrase", WINDOW, When::Check(|facts| facts.says_window(Phrase::LongWindow)), QuotaExhausted, "a window of a day or a month that begins anew at a fixed time"),
    rule("quota-day-phrase", On::S429.or(On::STREAM), When::Check(fixed_day), QuotaExhausted, "a daily limit without a word on when one request fits again; a rolling one (RPD, TPD, a stated wait) is a rate limit"),
    rule("spend-phrase", BILL, says(Phrase::Spend), QuotaExhausted, "a limit in money is a bill, be it under the code of a throttle"),
    // Exception names and reasons that outrank a misleading status.
    rule("throttling-exception", ANY, ids!["ThrottlingException" "ThrottledException" "Throttling" "Throttling.User" "Throttling.Api" "Throttling.RateQuota" "TooManyRequestsException" "RequestThrottled" "RequestThrottledException" "RequestLimitExceeded" "ProvisionedThroughputExceededException" "BandwidthLimitExceeded" "LimitExceededException" "PriorRequestNotComplete" "TransactionInProgressException" "EC2ThrottledException"], RateLimited, "AWS and Alibaba throttle with a 400 too: the code beats the status").then(Then::Retry),
    rule("timeout-exception", ANY, ids!["RequestTimeoutException" "RequestTimeout" "ModelTimeoutException"], Timeout, "AWS times out with a 400 too: the code beats the status"),
    rule("too-large-code", On::S400.or(On::S413).or(On::S429).or(On::STREAM), ids!["request_too_large" "payload_too_large" "request_entity_too_large" "tokens_limit_reached" "content_too_large"], TooLarge, "the request is over a limit that no wait moves"),
    rule("overload-code", ANY.but(On::S504), ids!["overloaded_error" "overloaded" "server_is_overloaded" "server_overloaded" "engine_overloaded_error" "engine_overloaded" "model_overloaded" "MODEL_CAPACITY_EXHAUSTED" "capacity_exceeded" "ModelNotReadyException" "ServiceUnavailableException" "no_capacity" "server_busy"], Overloaded, "the provider says that it has no capacity, whatever status it chose"),
    rule("model-error-upstream", On::S424.or(On::STREAM), When::Check(failed_on_request), InvalidRequest, "Bedrock's model refused the request itself: originalStatusCode is a 4xx"),
    rule("parameter-code", On::S400.or(On::S422).or(On::STREAM), ids!["unsupported_value" "unsupported_parameter" "unknown_parameter" "missing_required_parameter" "invalid_type" "string_above_max_length" "invalid_image" "invalid_image_format" "invalid_base64_image" "invalid_image_url" "invalid_image_mode" "image_too_large" "image_too_small" "image_parse_error" "image_file_too_large" "unsupported_image_media_type" "empty_image_file" "failed_to_download_image" "image_file_not_found" "tool_use_failed" "array_above_max_length" "integer_above_max_value" "integer_below_min_value" "json_validate_failed"], InvalidRequest, "a field of the request is named as wrong, so that nothing else is, whatever words the message repeats from it"),
    // Sentences, for the cases that no code tells apart.
    rule("context-length-phrase", FIT, says(Phrase::ContextLength), ContextLength, "most servers send a plain invalid_request_error and say it in words; not on a 429, where \"too many tokens\" is a throttle"),
    rule("account-blocked", On::S403, says(Phrase::AccountBlocked), Permission, "Azure blocks an account for what it asked before, not this prompt"),
    rule("content-policy-phrase", REFUSAL, says(Phrase::ContentPolicy), ContentPolicy, "guardrails and gateways say it in words; \"modify your prompt and retry\" is no reason to retry the same"),
    rule("guardrail-phrase", REFUSAL, When::Check(guarded), ContentPolicy, "a guardrail refused the request; not one that the request names and that is not there"),
    rule("location-phrase", KEY, says(Phrase::Location), Permission, "Gemini refuses a region with a 400 FAILED_PRECONDITION"),
    rule("memory-phrase", On::S500.or(On::STREAM), says(Phrase::Memory), ServerError, "Ollama: the model does not fit this machine, nor will it").then(Then::GiveUp),
    rule("balance-phrase", BILL.or(On::S500).or(On::S502), says(Phrase::Balance), QuotaExhausted, "no credit is left; a gateway or MiniMax says so under a 500 too"),
    rule("quota-phrase", BILL, says(Phrase::Billing), QuotaExhausted, "Anthropic's 400, xAI's 403, Gemini's spend cap: a bill behind an ordinary code"),
    rule("quota-of-zero", On::S429.or(On::STREAM), says(Phrase::Zero), QuotaExhausted, "Gemini's \"limit: 0\": this model is not in the plan, and no RetryInfo changes that").then(Then::GiveUpDespiteWait),
    rule("current-quota-phrase", On::S429.or(On::STREAM), When::Check(current_quota), QuotaExhausted, "OpenAI's insufficient_quota where a gateway lost the code, and gateways' own quotas; Google says the same of a minute"),
    rule("request-over-limit", On::S429.or(On::STREAM), When::Check(over_limit), TooLarge, "\"Limit 30000, Requested 31538\": one request is more than the whole bucket"),
    rule("payload-phrase", On::S400.or(On::S413).or(On::S429).or(On::STREAM), says(Phrase::PayloadTooLarge), TooLarge, "the body is over a size limit"),
    rule("context-length-words", On::S400.or(On::S413).or(On::S422).or(On::STREAM), When::Check(too_long), ContextLength, "a prompt that exceeds something counted in tokens, however it is put"),
    rule("content-policy-words", On::S400.or(On::S403).or(On::S422).or(On::STREAM), When::Check(harmful), ContentPolicy, "a prompt or an answer that is refused for its harm, however it is put"),
    rule("rate-limit-reason", On::S400.or(On::S403), ids!["rateLimitExceeded" "userRateLimitExceeded" "rate_limit_error" "too_many_requests" "RateLimitReached"], RateLimited, "Google's older reason under a 403 PERMISSION_DENIED: it says more than the code that repeats the status"),
    rule("rate-limit-refused", On::S403, When::Check(limit_exceeded), RateLimited, "GitHub refuses with a 403 who exceeds a rate limit, and says so only in words"),
    rule("key-code", KEY, ids!["API_KEY_INVALID" "invalid_api_key" "wrong_api_key" "token_revoked" "invalid_authentication" "authentication_error" "AuthenticationError" "invalid_authentication_error" "unauthenticated" "unauthorized" "invalid_token" "expired_token" "token_expired" "ExpiredTokenException" "ExpiredToken" "UnrecognizedClientException" "InvalidSignatureException" "SignatureDoesNotMatch" "IncompleteSignatureException" "IncompleteSignature" "MissingAuthenticationTokenException" "MissingAuthenticationToken" "InvalidClientTokenId" "NotAuthorizedException" "RequestExpired" "The request does not have valid authentication credentials" "base_resp.1004" "base_resp.2049"], Auth, "the key is wrong, although the status is not 401"),
    rule("not-found-code", KEY, ids!["model_not_found" "model_not_found_error" "DeploymentNotFound" "ResourceNotFoundException" "UnknownOperationException" "not_found_error" "resource_not_found_error" "NotFoundError" "NOT_FOUND" "Some requested entity was not found"], NotFound, "no such model or deployment for this key, although the status is not 404"),
    rule("permission-code", KEY, ids!["unsupported_country_region_territory" "forbidden" "permission_denied" "organization_restricted" "permission_error" "permissions_error" "PermissionDeniedError" "AccessDeniedException" "AccessDenied" "access_denied" "SERVICE_DISABLED" "API_KEY_SERVICE_BLOCKED" "API_KEY_HTTP_REFERRER_BLOCKED" "API_KEY_IP_ADDRESS_BLOCKED" "The caller does not have permission to execute the specified operation"], Permission, "the key is good, but not for this"),
    rule("key-phrase", KEY, says(Phrase::BadKey), Auth, "the key is wrong, and only the sentence says so"),
    rule("overload-phrase", BUSY, says(Phrase::Overload), Overloaded, "load shedding behind a 429 or a 500"),
    // Codes that repeat the status: asked where the status is 200, or another one.
    rule("rate-limit-code", UNSAID.or(On::S400).or(On::S403).or(On::S503).or(On::S529), ids!["rate_limit_exceeded" "rate_limit_error" "rate_limit_reached" "rate_limit_reached_error" "rate_limited" "rate_limit" "model_rate_limit" "limit_requests" "too_many_tokens_error" "token_quota_exceeded" "request_quota_exceeded" "RateLimitError" "rateLimitExceeded" "userRateLimitExceeded" "RESOURCE_EXHAUSTED" "too_many_requests" "too_many_requests_error" "throttling_error" "Some resource has been exhausted" "base_resp.1002" "base_resp.1039" "base_resp.1041" "base_resp.2045" "1302" "1303"], RateLimited, "a rate limit behind another status: Google's 403, a gateway's 400 or 500, an event in a 200"),
    rule("rate-limit-stated", On::S500.or(On::S502).or(On::S503), When::Check(|facts| facts.stated_status() == Some(429)), RateLimited, "the body says 429 under a 5xx of a gateway"),
    rule("unavailable-code", UNSAID, ids!["UNAVAILABLE" "slow_down" "service_unavailable" "service_unavailable_error" "unavailable_error" "ServiceUnavailableError" "The service is currently unavailable" "1305" "1312"], Overloaded, "a 503 in words"),
    rule("timeout-code", UNSAID, ids!["timeout" "timeout_error" "vector_store_timeout" "DEADLINE_EXCEEDED" "gateway_timeout" "Deadline expired before operation could complete" "base_resp.1001"], Timeout, "a 504 in words"),
    rule("server-fault-phrase", On::STREAM, says(Phrase::ServerFault), ServerError, "Groq streams a server's fault under the type invalid_request_error"),
    rule("server-code", On::STREAM.or(On::S424), ids!["server_error" "api_error" "internal_server_error" "internal_error" "InternalServerError" "InternalServerException" "INTERNAL" "ModelStreamErrorException" "ModelErrorException" "generation" "generation_error" "incomplete_generation" "bad_gateway" "Internal error" "UNKNOWN" "base_resp.1000" "base_resp.1013" "base_resp.1024" "base_resp.1033"], ServerError, "a 500 in words; Bedrock's and TGI's 424 is a failure of the model's server"),
    rule("conflict-code", On::STREAM, ids!["conflict_error" "ABORTED" "The operation was aborted"], Conflict, "a 409 in words"),
    rule("rate-limit-phrase", On::STREAM, says(Phrase::RateLimit), RateLimited, "an event that says it only in words"),
    rule("request-code", On::STREAM, ids!["invalid_request_error" "invalid_request" "BadRequestError" "bad_request" "INVALID_ARGUMENT" "FAILED_PRECONDITION" "OUT_OF_RANGE" "ValidationException" "validation" "validation_error" "UnprocessableEntityError" "OperationNotSupported" "unsupported_api_version" "invalid_parameter" "invalid_parameter_value" "invalid_input" "invalid_value" "Client specified an invalid argument" "base_resp.1042" "base_resp.2013" "base_resp.20132"], InvalidRequest, "a 400 in words"),
    rule("not-found-phrase", On::STREAM, When::Check(no_model), NotFound, "an event that says it only in words: Ollama's \"model 'x' not found\""),
    rule("unavailable-phrase", On::STREAM, says(Phrase::Unavailable), Overloaded, "a 503 in words"),
    rule("auth-phrase", On::STREAM, says(Phrase::NoKey), Auth, "a 401 in words"),
    rule("denied-phrase", On::STREAM, says(Phrase::Denied), Permission, "a 403 in words"),
    rule("request-phrase", On::STREAM, says(Phrase::BadRequest), InvalidRequest, "a 400 in words"),
    rule("timeout-phrase", On::STREAM, says(Phrase::TimedOut), Timeout, "an event that says it only in words"),
    // Statuses that mean different things at different providers.
    rule("dependency-424", On::S424, When::From(&[Provider::Bedrock, Provider::HuggingFace, Provider::Azure]), ServerError, "here a 424 is the model's server failing; elsewhere it is the caller's tool server"),
    rule("blocked-498", On::S498, When::Check(|facts| cohere(facts) && facts.says(Phrases::of(Phrase::Blocked))), ContentPolicy, "Cohere: the text holds a blocked token"),
    rule("token-498", On::S498, When::Check(cohere), Auth, "Cohere: an invalid token"),
    rule("capacity-498", On::S498, When::Always, Overloaded, "Groq: no flex capacity right now"),
    rule("cancelled-499", On::S499, When::Check(|facts| facts.provider() == Some(Provider::Google) || facts.has_id("CANCELLED")), ServerError, "Google cancels on its side; elsewhere the caller hung up"),
    rule("account-412", On::S412, When::Always, QuotaExhausted, "Fireworks: the account is suspended; Portkey: its budget is used up"),
    rule("guardrail-446", On::S446, When::Always, ContentPolicy, "Portkey and WSO2: a guardrail refused the request"),
    rule("legal-451", On::S451, When::Always, Permission, "RFC 7725: refused for legal reasons"),
];

fn cohere(facts: &Facts<'_>) -> bool {
    facts.provider() == Some(Provider::Cohere)
}

/// Bedrock's `ModelErrorException` and its like state the status of the model's own server.
fn failed_on_request(facts: &Facts<'_>) -> bool {
    let refused = |status| (400..500).contains(&status) && !matches!(status, 408 | 424 | 429);
    facts.upstream_status().is_some_and(refused)
}

fn too_long(facts: &Facts<'_>) -> bool {
    let said = facts.phrases();
    said.has(Phrase::Prompt) && said.has(Phrase::Exceeds) && said.has(Phrase::Tokens)
}

fn harmful(facts: &Facts<'_>) -> bool {
    facts.phrases().has(Phrase::Refused) && facts.phrases().has(Phrase::Harm)
}

fn guarded(facts: &Facts<'_>) -> bool {
    facts.phrases().has(Phrase::Guardrail) && !facts.phrases().has(Phrase::NotFound)
}

fn limit_exceeded(facts: &Facts<'_>) -> bool {
    facts.phrases().has(Phrase::RateLimit) && facts.phrases().has(Phrase::Exceeds)
}

fn no_model(facts: &Facts<'_>) -> bool {
    facts.phrases().has(Phrase::Model) && facts.phrases().has(Phrase::NotFound)
}

fn current_quota(facts: &Facts<'_>) -> bool {
    let google = facts.provider() == Some(Provider::Google)
        || facts.has_id("RESOURCE_EXHAUSTED")
        || facts.phrases().has(Phrase::Google);
    let momentary = facts.phrases().has(Phrase::Momentary);
    facts.says_window(Phrase::CurrentQuota)
        && !google
        && !momentary
        && facts.wait_in_words().is_none()
}

/// A limit of a day that is not said to be a rolling one, neither in words nor by a wait.
fn fixed_day(facts: &Facts<'_>) -> bool {
    facts.says_window(Phrase::Day)
        && !facts.phrases().has(Phrase::RollingDay)
        && facts.wait().is_none()
        && !facts.has_wait_header()
}

/// The limit and the request's own size are stated, and the request is larger; or the sentence says
/// so. Not where it says "Rate limit reached" and a use that has to drain first.
fn over_limit(facts: &Facts<'_>) -> bool {
    let said = facts.phrases();
    let too_large = said.has(Phrase::RequestTooLarge);
    match facts.limit_and_request() {
        Some((limit, requested)) => {
            requested > limit && (too_large || !said.has(Phrase::StatesUse))
        }
        None => too_large && !said.has(Phrase::StatesUse),
    }
}
