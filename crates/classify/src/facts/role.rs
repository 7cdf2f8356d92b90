//! What a member of an error's envelope means, by its key and by where it stands.

/// What a value means, known from the key that it stands under.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// An object that may carry an error, its words, or both.
    Envelope { top: bool },
    /// The value of `error`: an object, a string, or an array of either.
    Error,
    /// Text for people. May be an object, or JSON in a string.
    Message,
    /// A word for machines, or a status as a number.
    Id,
    /// `type` and `event` of a whole event, which are an error's word only if they say so.
    Kind,
    /// A status code of whoever stands behind.
    Upstream,
    /// `details`: an object, a string, or google.rpc's array of typed objects.
    Details,
    /// The object of a `Responses` event, of which only `error` counts.
    Response,
    /// `metadata` of an error: the upstream's own answer, and limits.
    Metadata,
    /// MiniMax's `base_resp`, whose numbers are its own.
    BaseResp,
    /// One of these numbers.
    BaseCode,
    /// Response headers quoted in the body.
    Headers,
    /// google.rpc's `QuotaFailure.violations`.
    Violations,
    /// The name of a quota, which tells its window.
    Quota,
    /// Seconds from now, as a number or a duration.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// A reset: a Unix time, or seconds from now.
    Reset,
    /// A flag.
    Retryable,
}

/// The role of the value under `key` in an object of role `parent`.
pub(super) fn role_of(parent: Role, key: &str) -> Option<Role> {
    let top = matches!(parent, Role::Envelope { top: true });
    Some(match (parent, key) {
        (
            Role::Id
            | Role::Kind
            | Role::Upstream
            | Role::BaseCode
            | Role::Quota
            | Role::Seconds
            | Role::Millis
            | Role::Reset
            | Role::Retryable,
            _,
        ) => return None,
        (Role::BaseResp, "status_code") => Role::BaseCode,
        (Role::BaseResp, "status_msg") => Role::Message,
        (Role::BaseResp, _) => return None,
        (Role::Headers, _) => {
            if key.eq_ignore_ascii_case("x-ratelimit-reset") {
                Role::Reset
            } else if key.eq_ignore_ascii_case("retry-after") {
                Role::Seconds
            } else if key.eq_ignore_ascii_case("retry-after-ms") {
                Role::Millis
            } else {
                return None;
            }
        }
        (Role::Response, "error") => Role::Error,
        (Role::Response, _) => return None,
        (Role::Metadata, "raw") => Role::Message,
        (Role::Metadata, "headers") => Role::Headers,
        (Role::Metadata, "quota_limit") => Role::Quota,
        (Role::Metadata, "quotaResetDelay") => Role::Seconds,
        (Role::Metadata, "limit_source" | "error_type" | "error_code") => Role::Id,
        (_, "retry_after" | "retry_after_seconds" | "retryAfter" | "retryAfterSeconds")
        | (_, "resets_in_seconds" | "estimated_time") => Role::Seconds,
        (_, "retry_after_ms" | "retryAfterMs") => Role::Millis,
        (Role::Metadata, _) => return None,
        (_, "error") => Role::Error,
        (_, "errors" | "Error" | "innererror" | "inner_error" | "Output") => Role::Error,
        (_, "message" | "Message" | "msg" | "detail" | "error_description" | "errorMessage") => {
            Role::Message
        }
        (_, "type" | "event" | "object") if top => Role::Kind,
        (_, "code" | "type" | "status" | "error_type" | "errorType" | "error_code" | "__type")
        | (_, "reason" | "limit_source" | "errorCode" | "Code") => Role::Id,
        (_, "base_resp") if top => Role::BaseResp,
        (_, "details") => Role::Details,
        (_, "response") => Role::Response,
        (_, "metadata") => Role::Metadata,
        (_, "headers") => Role::Headers,
        (_, "violations") => Role::Violations,
        (_, "quotaId") => Role::Quota,
        (_, "retryDelay") => Role::Seconds,
        (_, "resets_at") => Role::Reset,
        (
            _,
            "originalStatusCode" | "OriginalStatusCode" | "http_status_code" | "raw_status_code",
        )
        | (_, "statusCode" | "status_code") => Role::Upstream,
        (_, "retryable") if top => Role::Retryable,
        _ => return None,
    })
}
