//! Each phrase from both sides: a message that its rule decides, and the same message with the phrase
//! spoiled, which it leaves.

#[path = "../src/facts/list.rs"]
mod list;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tower_steady_classify::{Provider, classify_response};

use list::LIST;

/// The status (200: an event of a stream), the rule that decides, and messages.
const SENTENCES: &[(u16, &str, &[&str])] = &[
    (
        400,
        "context-length-phrase",
        &[
            "This model's maximum context length is 8192 tokens.",
            "The request is longer than the model's context length (8192).",
            "The input length exceeds the context length",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "The conversation exceeds context limit 200000",
            "Your input exceeds the context window.",
            "Too large for the model's context window.",
            "The maximum context window is 32768.",
            "It does not fit in a context window of 4096 tokens.",
            "Context window exceeded",
            "The context window exceeds what is served: 1M",
            "Too many messages: the server's context window is 4096.",
            "Above the context window limit of this model",
            "Above the server's context window size",
            "Range of input length should be [1, 30720]",
            "Context length exceeded: 9000",
            "The maximum context limit is 4096",
            "9000 tokens are greater than the context length",
            "The prompt exceeds the max_model_len of 4096",
            "It does not fit the configured context size (2048)",
            "prompt token count of 140000 exceeds the limit of 128000",
            "Larger than the maximum allowed input length of 2048",
            "the request exceeds the available context size. try increasing it",
            "Context size has been exceeded.",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "Prompt too long for this endpoint",
            "Input is too long for requested model.",
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            "The maximum supported sequence length is just 16384!",
            "Invalid 'input': maximum input length is 8192 tokens.",
            "Stopped: model_context_window_exceeded",
            "The decoder prompt is longer than the maximum model length of 8192.",
            "The prompt is too long to fit into the model (8192).",
            "The model is loaded with context length of only 4096 tokens.",
            "Reached context length of 4096 tokens.",
            "input token length too long",
            "the length of prompt_tokens (9000) must be less than max_seq_len (8192)",
            "Prompt exceeds max length",
            "too many tokens: total number of tokens in the prompt cannot exceed 4081",
            "too many tokens overall",
            "too many tokens in batch: 20000 > 16384",
            "Too many input tokens. Max 32000",
            "The input token count (2000000) is above the maximum",
            "Input tokens exceed the configured limit of 272000 tokens.",
            "The number of input tokens is 9000, above 8192",
            "9000 exceeds the maximum number of tokens allowed 8192",
            "Your request exceeded model token limit: 8192",
            "`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 6204",
            "`inputs` must have less than 4095 tokens. Given: 5000",
            "Please reduce the length of the messages or completion.",
            "Please reduce the length of the prompt.",
            "Try using a shorter prompt",
            "litellm.ContextWindowExceededError: VertexAIException - 9000 > 8192",
        ],
    ),
    (
        400,
        "content-policy-phrase",
        &[
            "The prompt triggered Azure OpenAI's content management policy. Please modify it and retry.",
            "Output blocked by content filtering policy",
            "Our content filter stopped the answer",
            "This breaks our content policy",
            "Refused by content moderation",
            "Your prompt was flagged",
            "The request has been flagged",
            "Some messages were flagged",
            "Rejected as a result of our safety system.",
            "Content violates usage guidelines.",
            "This violates our usage policy",
            "Potentially violating our usage policy",
            "It may violate our usage policy",
            "It violates our usage policies",
            "It is against the usage policies",
            "Content Exists Risk",
            "The system detected potentially unsafe or sensitive content in input or generation.",
            "The request was rejected because it was considered high risk",
            "系统检测到输入或生成内容可能包含不安全或敏感内容",
            "litellm.ContentPolicyViolationError: AzureException - filtered",
        ],
    ),
    (
        400,
        "context-length-words",
        &[
            "Your prompt exceeds the context size of the model: 9000 > 8192",
            "This conversation is too long by 100 tokens",
            "The input is longer than the sequence length of 512",
            "9000 tokens of input are greater than 8192",
            "There are more tokens than fit in the messages",
            "inputs tokens + max_new_tokens must be <= 4096",
            "inputs must have less than 512 tokens. Given: 700",
            "Please reduce the length of your prompt",
            "This request exceeds the model's maximum input length",
            "The prompt length (4096) should not exceed 4000",
        ],
    ),
    (
        400,
        "content-policy-words",
        &[
            "The prompt contains sensitive words that violate Google's Responsible AI practices.",
            "The answer was blocked for safety",
            "Rejected by moderation",
            "Refused as harmful",
            "Filtered as inappropriate",
            "Prohibited: sensitive content",
            "Unsafe images are prohibited",
        ],
    ),
    (
        400,
        "location-phrase",
        &[
            "User location is not supported for the API use.",
            "Country, region, or territory not supported",
            "The free tier is not available in your country.",
            "The model is not available in your region.",
        ],
    ),
    (
        403,
        "key-phrase",
        &[
            "API key not valid. Please pass a valid API key.",
            "API key not found",
            "API key expired. Please renew it.",
            "Your API key is invalid",
            "please check the api-key you provided",
            "The api key you provided is unknown",
            "Invalid API key",
            "invalid api token",
            "Incorrect API key provided: xa***.",
            "invalid x-api-key",
            "Invalid Authentication",
            "Invalid bearer token",
            "invalid token",
        ],
    ),
    (
        403,
        "account-blocked",
        &[
            "Your resource has been temporarily blocked for abuse.",
            "Your account was flagged",
            "The account has been flagged for abuse",
        ],
    ),
    (
        400,
        "quota-phrase",
        &[
            "Credit limit exceeded, please go to billing",
            "Your credits are exhausted",
            "Your credits are depleted",
            "The trial's credits have been exhausted",
            "Your prepayment credits are used up.",
            "Buy prepaid credits first",
            "You have no credits",
            "Your team has no credits",
            "There are no credits left",
            "No credits remaining",
            "Your team doesn't have any credits yet.",
            "Nobody in your team has any credits",
            "Usage credits are required for long context requests.",
            "This request requires more credits, or fewer max_tokens.",
            "Please purchase more credits",
            "Your team has used all available credits",
            "You have used up your credits",
            "Nothing is left of your included credits.",
            "You have exceeded your monthly allowance",
            "Billing hard limit has been reached",
            "You have reached your specified API usage limits.",
            "You have reached your specified workspace API usage limits.",
            "You will regain access on 2026-12-01.",
            "Your account is not active, please check your billing details.",
            "The account is suspended",
            "Key limit exceeded (total limit).",
            "Budget has been exceeded! Current cost: 10.5",
            "Budget exceeded for this key",
            "Team exceeded budget",
            "ExceededBudget: Crossed spend within 1d",
            "ExceededTokenBudget: Current spend 7.2; Max 2",
            "Extra usage is required for long requests.",
            "You have either run out of available resources or do not have a subscription.",
            "You have exhausted your credits",
            "Your credits have expired",
            "Cloud credits expired",
            "The account has a negative balance",
            "Your balance is negative",
            "There is an unpaid invoice",
            "Your bill is overdue",
            "Your last payment failed",
            "Your subscription has expired",
            "Subscription expired",
            "Your free trial has expired",
            "It has used up its free trial quota for this model",
            "Your free trial has ended",
            "Trial expired",
            "Payment required",
            "Out of call volume quota.",
            "Out of bandwidth quota.",
        ],
    ),
    (
        429,
        "current-quota-phrase",
        &[
            "You exceeded your current quota, please check your plan and billing details.",
            "Token quota exhausted, please contact the administrator",
            "The quota is exhausted",
            "Your team's quota has been exhausted",
            "The quota is used up",
            "The quota has been used up",
            "This key is out of quota",
        ],
    ),
    (
        500,
        "balance-phrase",
        &[
            "Your credit balance is too low to access the API.",
            "Insufficient credits",
            "Insufficient Balance",
            "Insufficient funds",
            "Insufficient account balance",
            "Sorry, your account balance is insufficient",
            "Not enough credits",
            "You are out of credits",
            "账户余额不足",
            "用户额度不足",
            "该令牌额度已用尽",
            "您的账户已欠费",
        ],
    ),
    (400, "guardrail-phrase", &["The guardrail refused it"]),
    (
        429,
        "spend-phrase",
        &[
            "Your project has exceeded its spending cap.",
            "Your team reached its spending limit",
            "Spend limit reached",
            "Above the spend cap of the workspace",
        ],
    ),
    (
        429,
        "quota-of-zero",
        &["Quota exceeded for metric: x, limit: 0"],
    ),
    (
        429,
        "quota-window-phrase",
        &[
            "Limited to 1000 API calls / month.",
            "Limited to 1000 calls/month",
            "Only 1000 calls per month",
            "The per-month allowance is gone",
            "You used all tokens of this month",
            "You have reached your monthly limit",
            "Monthly quota used up",
            "Monthly usage is at its limit",
            "The monthly token allowance is gone",
            "Monthly request allowance reached",
            "Monthly budget reached",
            "Monthly cap reached",
            "You've hit your weekly limit",
            "Weekly usage is used up",
            "Weekly quota reached",
            "You have reached your daily limit",
            "Daily quota reached",
            "Your daily usage is at its limit",
            "Daily request limit reached",
            "Daily token limit reached",
            "You have used up your daily free allocation",
            "Rate limit exceeded: free-models-per-day.",
            "Rate limit exceeded: limit_rpd/some/model",
        ],
    ),
    (
        429,
        "quota-day-phrase",
        &[
            "Too many tokens per day, please wait before trying again.",
            "The per-day allowance is used",
            "50 requests / day allowed",
            "50 requests/day allowed",
            "50 requests a day limit reached",
        ],
    ),
    (
        429,
        "request-over-limit",
        &[
            "Request too large for gpt-4o on tokens per min (TPM).",
            "The request is too large for this tier.",
        ],
    ),
    (
        400,
        "payload-phrase",
        &[
            "Request payload size exceeds the limit: 20971520 bytes.",
            "Payload Too Large",
            "The payload is too large",
            "Request Entity Too Large",
            "Request body too large for gpt-4o model.",
            "Request body is too large",
            "Above the maximum allowed number of bytes.",
            "The maximum request size is 32 MB",
            "grpc: received message larger than max (5242880 vs. 4194304)",
        ],
    ),
    (
        500,
        "memory-phrase",
        &["model requires more system memory (5.6 GiB) than is available"],
    ),
    (
        429,
        "overload-phrase",
        &[
            "The engine is currently overloaded",
            "The model is currently at capacity",
            "x is currently over capacity",
            "The service is out of capacity.",
            "No capacity for this model",
            "Insufficient capacity in this region",
            "Capacity temporarily exceeded, please try again.",
            "Not enough capacity",
            "We are experiencing high demand.",
            "Refused due to high demand",
            "The server is under high load",
            "The server is under heavy load",
            "We see high traffic right now!",
            "Too large for peak load.",
            "Load shedding",
            "The service is too busy",
            "Model busy, retry later",
            "server busy, please try again",
            "The server is busy",
            "Model x is currently loading",
            "Request didn't generate first token before the given deadline",
            "The model is temporarily unavailable",
            "Flex tier capacity reached",
        ],
    ),
    (
        200,
        "server-fault-phrase",
        &[
            "The server had an error while processing it",
            "Internal server error",
            "An internal error has happened",
            "Server error",
            "An error occurred while streaming",
            "An error occurred during streaming",
        ],
    ),
    (
        200,
        "rate-limit-phrase",
        &[
            "Rate limit reached for this key",
            "x is temporarily rate-limited upstream",
            "You are being rate limited.",
            "Ratelimit hit",
            "Rate exceeded",
            "Your request rate is too high.",
            "Too many connections, please wait before trying again.",
            "Too many tokens, please wait before trying again.",
            "Too Many Requests",
            "Resource exhausted. Please try again later.",
            "Service tier capacity exceeded for this model.",
        ],
    ),
    (
        200,
        "timeout-phrase",
        &["The upstream timed out", "Upstream timeout"],
    ),
    (
        200,
        "not-found-phrase",
        &["model 'x' not found", "The model `x` does not exist"],
    ),
    (
        200,
        "unavailable-phrase",
        &["Service Unavailable", "Model is not ready for inference."],
    ),
    (
        200,
        "auth-phrase",
        &[
            "Unauthorized",
            "The call is unauthenticated",
            "Authentication failed",
            "No API key supplied",
            "Missing API key",
            "The security token included in the request is expired",
        ],
    ),
    (
        200,
        "denied-phrase",
        &[
            "Access denied",
            "Permission denied on the project",
            "x is not authorized to perform it",
            "Forbidden",
        ],
    ),
    (
        200,
        "request-phrase",
        &[
            "Bad Request",
            "Invalid request: roles must alternate",
            "Malformed input: a list is wanted",
            "Streaming is not supported",
            "x does not support tools",
        ],
    ),
    (
        498,
        "blocked-498",
        &[
            "blocked input: please update the prompt",
            "A word is on the deny-list",
            "A word is on our denylist",
        ],
    ),
    // What keeps a limit of a day from being a quota: a shorter window before it, or one that rolls.
    (
        429,
        "status",
        &[
            "10 requests per minute, 100 per day",
            "A per-minute limit; upgrade for 1000 per day",
            "1000 tokens per min (TPM); upgrade for 100 per day",
            "A per-min limit; upgrade for 1000 per day",
            "Rate limit exceeded: free-models-per-min. Buy 1000 per day",
            "40 calls / minute. Buy 1000 / day",
            "40 calls/minute. Buy 1000/day",
            "40 calls / min. Buy 1000 / day",
            "40 calls/min. Buy 1000/day",
            "4 calls per second. Buy 1000 per day",
            "100 calls per hour. Buy 1000 per day",
            "100 calls per 1 hour. Buy 1000 per day",
            "Rate limit exceeded: limit_rpm/some/model. Buy 1000 per day",
            "Requests (RPM): 60. Buy 1000 per day",
            "The RPM quota is 60. Buy 1000 per day",
            "The TPM quota is 60. Buy 1000 per day",
            "The RPM limit is 60. Buy 1000 per day",
            "The TPM limit is 60. Buy 1000 per day",
            "You exceeded your current quota, see https://ai.google.dev/rate-limits",
            "From https://x.googleapis.com/y: You exceeded your current quota",
            "GeminiException - You exceeded your current quota",
            "VertexAIException - You exceeded your current quota",
            "The concurrency quota is exhausted",
            "Connection quota exhausted",
            "Quota exhausted, please retry shortly",
            "Quota exhausted, ask again in a moment",
            "Rate limit reached on requests per day (RPD): Limit 200",
            "Rate limit reached on tokens per day (TPD): Limit 100000, Used 100000",
        ],
    ),
];

fn rule_of(status: u16, message: &str) -> Option<&'static str> {
    let error = serde_json::json!({"error": {"message": message}});
    let (content_type, body) = match status {
        200 => ("text/event-stream", format!("data: {error}\n\n")),
        _ => ("application/json", error.to_string()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let status = StatusCode::from_u16(status).unwrap();
    classify_response(status, &headers, body.as_bytes(), Some(Provider::Cohere)).rule
}

/// The message with a letter before each phrase, so that none begins a word any more.
fn spoiled(message: &str) -> String {
    let mut message = message.to_lowercase();
    for text in LIST.iter().flat_map(|(_, texts)| *texts) {
        let (first, rest) = text.split_at(text.chars().next().unwrap().len_utf8());
        message = message.replace(text, &format!("{first}_{rest}"));
    }
    message
}

fn sentences() -> impl Iterator<Item = (u16, &'static str, &'static str)> {
    SENTENCES.iter().flat_map(|(status, rule, messages)| {
        let sentence = |message: &&'static str| (*status, *rule, *message);
        messages.iter().map(sentence)
    })
}

#[test]
fn each_sentence_is_decided_by_its_rule() {
    let wrong: Vec<_> = sentences()
        .map(|(status, rule, message)| (message, rule, rule_of(status, message)))
        .filter(|(_, rule, decided)| *decided != Some(*rule))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_sentence_is_decided_by_its_phrase_alone() {
    let wrong: Vec<_> = sentences()
        .filter(|(_, rule, _)| *rule != "status")
        .map(|(status, rule, message)| (spoiled(message), rule, status))
        .filter(|(message, rule, status)| rule_of(*status, message) == Some(*rule))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_phrase_is_in_a_sentence() {
    let missing: Vec<_> = LIST
        .iter()
        .flat_map(|(_, texts)| *texts)
        .filter(|text| !sentences().any(|(_, _, message)| message.to_lowercase().contains(*text)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
