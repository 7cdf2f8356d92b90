use ::tonic::metadata::MetadataValue;
use ::tonic::{Code, Status};
use tower_steady_core::{Class, Outcome, VetoReason};

use crate::words;

/// The status with which a tonic server tells its caller that its own call to a provider failed.
///
/// Code and message say what kind of failure it was, in fixed words: nothing of the provider's answer
/// is in it, nor of an error's text. Where it is known when to come back, `grpc-retry-pushback-ms`
/// says so ([gRFC A6]), which a stack under the caller's client obeys.
///
/// | what happened | code |
/// |---|---|
/// | no answer in time, or no time for one | `DEADLINE_EXCEEDED` |
/// | refused by a layer here, connection failed, provider overloaded | `UNAVAILABLE` |
/// | rate limited | `RESOURCE_EXHAUSTED` |
/// | the prompt is too long, or against the provider's policy | `INVALID_ARGUMENT` |
/// | everything else, the server's own key and quota among it | `INTERNAL` |
///
/// ```
/// use tower_steady::{Outcome, Veto, VetoReason, tonic::status_for};
///
/// let veto = Veto::new(VetoReason::CircuitOpen).left(std::time::Duration::from_secs(2));
/// let status = status_for(&Outcome::rejected(veto));
/// assert_eq!(status.code(), tonic::Code::Unavailable);
/// assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "2000");
/// ```
///
/// [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
#[must_use]
pub fn status_for(outcome: &Outcome) -> Status {
    let mut status = Status::new(code(outcome), words::message(outcome));
    if let Some(wait) = words::time_left(outcome) {
        // Rounded up: a moment early is refused again. The protocol's number has 32 bits.
        let millis = wait.as_nanos().div_ceil(1_000_000);
        let millis = i32::try_from(millis).unwrap_or(i32::MAX);
        let pushback = MetadataValue::from(millis);
        status
            .metadata_mut()
            .insert("grpc-retry-pushback-ms", pushback);
    }
    status
}

fn code(outcome: &Outcome) -> Code {
    let veto = outcome.veto.as_ref().map(|veto| veto.reason());
    match (outcome.class, veto) {
        (Class::Rejected, Some(VetoReason::Deadline)) | (Class::Timeout, _) => {
            Code::DeadlineExceeded
        }
        (Class::Rejected | Class::Transport | Class::Overloaded, _) => Code::Unavailable,
        (Class::RateLimited, _) => Code::ResourceExhausted,
        (Class::ContextLength | Class::TooLarge | Class::ContentPolicy, _) => Code::InvalidArgument,
        _ => Code::Internal,
    }
}
