//! Statuses: read from heads and trailers, and made of errors that have none.

use std::error::Error;
use std::sync::Arc;

use ::tonic::metadata::MetadataMap;
use ::tonic::{Code, Status};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, response};
use percent_encoding::percent_decode;
use tower_steady_core::{
    AttemptReport, BoxError, Class, Failure, Outcome, Report, StreamOutcome, VetoReason,
};

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// What a head says.
pub(super) enum Verdict {
    /// Nothing against it.
    Pass,
    Failed(Status),
    /// The call failed, and the trailers say how.
    InTrailers,
}

pub(super) fn verdict<B>(response: &Response<B>) -> Verdict {
    let headers = response.headers();
    if let Some(code) = code(headers) {
        return match code {
            Code::Ok => Verdict::Pass,
            code => Verdict::Failed(read(code, headers)),
        };
    }
    if response.status() != StatusCode::OK {
        return Verdict::Failed(of_http(response.status(), headers));
    }
    match response.extensions().get::<Outcome>() {
        Some(outcome) if outcome.whole && outcome.class != Class::Success => Verdict::InTrailers,
        _ => Verdict::Pass,
    }
}

/// The status in the trailers of a call that is known to have failed.
pub(super) fn of_trailers(trailers: &HeaderMap, head: &response::Parts) -> Status {
    match code(trailers) {
        Some(code) => {
            let mut all = head.headers.clone();
            all.extend(trailers.clone());
            read(code, &all)
        }
        None => {
            let outcome = head.extensions.get();
            Status::new(
                outcome.map_or(Code::Unknown, code_of),
                "no status in the trailers",
            )
        }
    }
}

/// The error for an answer with this status. Outcome and report move over from the answer.
pub(super) fn answered(status: Status, mut head: response::Parts) -> BoxError {
    let outcome = head.extensions.remove::<Outcome>();
    // Without classify a head of 200 would pass for a success, and it is none.
    let outcome = outcome.unwrap_or_else(|| Outcome::new(class_of(status.code())));
    let mut failure = Failure::new(outcome, status);
    if let Some(report) = head.extensions.remove::<Report>() {
        failure.set_report(report);
    }
    failure.into()
}

/// The error for a call without an answer: with a status in it, and the error in that.
pub(super) fn unanswered(error: BoxError) -> BoxError {
    if has_status(&*error) {
        return error;
    }
    let result: Result<Response<()>, BoxError> = Err(error);
    let (outcome, report) = (Outcome::read(&result), Report::of(&result).cloned());
    let Err(error) = result else {
        unreachable!("made an error above")
    };
    let mut status = Status::new(code_of(&outcome), error.to_string());
    status.set_source(Arc::from(error));
    let mut failure = Failure::new(outcome, status);
    if let Some(report) = report {
        failure.set_report(report);
    }
    failure.into()
}

/// The error for an answer that broke off after its head.
pub(super) fn broken_off(
    error: BoxError,
    report: Option<Report>,
    first: &AttemptReport,
) -> BoxError {
    let mut error = unanswered(error);
    let failure = Failure::outermost(&mut error);
    if failure.report().is_none() {
        let class = failure.outcome().class;
        failure.set_report(late(report, first, class));
    }
    error
}

/// The error for an answer that ended with these trailers, if they say that it failed.
pub(super) fn ended(
    trailers: &HeaderMap,
    stream: Option<&StreamOutcome>,
    report: &mut Option<Report>,
    first: &AttemptReport,
) -> Option<BoxError> {
    let code = code(trailers).filter(|code| *code != Code::Ok)?;
    let verdict = stream.and_then(StreamOutcome::verdict);
    let failed = verdict.filter(|outcome| outcome.class != Class::Success);
    let outcome = failed.cloned();
    let outcome = outcome.unwrap_or_else(|| Outcome::new(class_of(code)));
    let report = late(report.take(), first, outcome.class);
    let mut failure = Failure::new(outcome, read(code, trailers));
    failure.set_report(report);
    Some(failure.into())
}

/// The report on a call whose last try was good at its head and failed after it. Without a report yet
/// that was the first one.
fn late(report: Option<Report>, first: &AttemptReport, class: Class) -> Report {
    let mut report = report.unwrap_or_default();
    if report.attempts.is_empty() {
        report.attempts.push(first.clone());
    }
    if let Some(last) = report.attempts.last_mut() {
        last.class = class;
    }
    report
}

fn has_status(error: &(dyn Error + 'static)) -> bool {
    let status = error.downcast_ref::<Status>();
    let status = status.or_else(|| Failure::find(error)?.find_source());
    // One that tonic has made of an error has it as its source, and `UNKNOWN` for want of a code.
    status.is_some_and(|status| status.code() != Code::Unknown || status.source().is_none())
}

fn code(headers: &HeaderMap) -> Option<Code> {
    Some(Code::from_bytes(headers.get(STATUS)?.as_bytes()))
}

/// As `Status::from_header_map`, which panics where the details are not base64.
fn read(code: Code, headers: &HeaderMap) -> Status {
    // Either padding, as the protocol asks of receivers.
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let message = headers.get(MESSAGE).map(|message| {
        let message = percent_decode(message.as_bytes());
        message.decode_utf8_lossy().into_owned()
    });
    let details = headers.get(DETAILS);
    let details = details.and_then(|details| BASE64.decode(details.as_bytes()).ok());
    let mut metadata = headers.clone();
    for name in [STATUS, MESSAGE, DETAILS] {
        metadata.remove(name);
    }
    Status::with_details_and_metadata(
        code,
        message.unwrap_or_default(),
        details.map_or_else(Bytes::new, Bytes::from),
        MetadataMap::from_headers(metadata),
    )
}

/// An answer of something that does not speak gRPC, a proxy in most cases. The codes are those of
/// gRPC's "HTTP to gRPC Status Code Mapping".
fn of_http(status: StatusCode, headers: &HeaderMap) -> Status {
    let code = match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    let message = format!(
        "an answer that is not gRPC, with HTTP status {}",
        status.as_u16()
    );
    Status::with_metadata(code, message, MetadataMap::from_headers(headers.clone()))
}

/// The code for an outcome without one.
fn code_of(outcome: &Outcome) -> Code {
    let veto = outcome.veto.as_ref().map(|veto| veto.reason());
    match (outcome.class, veto) {
        (Class::Rejected, Some(VetoReason::Deadline)) | (Class::Timeout, _) => {
            Code::DeadlineExceeded
        }
        (Class::Rejected | Class::Transport | Class::Overloaded, _) => Code::Unavailable,
        (Class::RateLimited | Class::QuotaExhausted, _) => Code::ResourceExhausted,
        (Class::Auth, _) => Code::Unauthenticated,
        (Class::Permission, _) => Code::PermissionDenied,
        (Class::InvalidRequest, _) => Code::Internal,
        _ => Code::Unknown,
    }
}

/// The class for a code of which nobody has said more. The other way round than [`code_of`].
fn class_of(code: Code) -> Class {
    match code {
        Code::Ok => Class::Success,
        Code::Unavailable => Class::Overloaded,
        Code::DeadlineExceeded => Class::Timeout,
        Code::ResourceExhausted => Class::RateLimited,
        Code::Unauthenticated => Class::Auth,
        Code::PermissionDenied => Class::Permission,
        Code::NotFound => Class::NotFound,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            Class::InvalidRequest
        }
        Code::Aborted | Code::AlreadyExists => Class::Conflict,
        Code::Internal => Class::ServerError,
        _ => Class::Unknown,
    }
}
