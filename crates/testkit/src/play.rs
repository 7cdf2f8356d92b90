//! How an answer is played, the same in both homes.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Buf;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;

use crate::answer::{Fault, Step};
use crate::record::Page;
use crate::wire::Wire;
use crate::{Answer, AnswerBody, Provider};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Receives `request` and answers it. `wire` is the connection under it, if there is one.
pub(crate) async fn play<B>(
    provider: Provider,
    request: Request<B>,
    wire: Option<Arc<Wire>>,
) -> io::Result<Response<AnswerBody>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (head, body) = request.into_parts();
    let mut body = pin!(body);
    let connection = wire.as_ref().map(|wire| wire.number());
    let mut page = Page::open(Arc::clone(provider.record()), &head, connection);

    let answer = match choose(&provider, &page, false) {
        Some(answer) => answer,
        None => {
            read(&mut page, body.as_mut(), u64::MAX).await?;
            choose(&provider, &page, true).unwrap_or_else(|| Answer::new(200))
        }
    };
    if answer.fault == Some(Fault::Refuse) {
        page.refuse();
        return Err(gone(wire.as_deref(), io::ErrorKind::ConnectionRefused));
    }
    read(&mut page, body, answer.read).await?;
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    match answer.fault {
        Some(Fault::HangBeforeHead) => std::future::pending().await,
        Some(Fault::CutBeforeHead) => {
            page.done();
            Err(gone(wire.as_deref(), cut_kind(answer.abrupt)))
        }
        Some(Fault::ResetStream(code)) => {
            page.done();
            let reason = h2::Reason::from(code);
            Err(around(h2::Error::from(reason)))
        }
        Some(Fault::CutInHead(_)) if wire.is_none() => {
            page.done();
            Err(cut_kind(answer.abrupt).into())
        }
        _ => Ok(respond(answer, page, wire)),
    }
}

fn choose(provider: &Provider, page: &Page, body_read: bool) -> Option<Answer> {
    // Without a call the record was emptied while this one was read: nobody will ask about it.
    let Some(call) = page.call() else {
        return Some(Answer::new(200));
    };
    provider.choose(&call, body_read)
}

/// Reads the body until `limit` bytes of it have arrived in all.
async fn read<B>(page: &mut Page, mut body: Pin<&mut B>, limit: u64) -> io::Result<()>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut whole = body.is_end_stream();
    let result = loop {
        if whole || page.read() >= limit {
            break Ok(());
        }
        match body.frame().await {
            None => whole = true,
            Some(Ok(frame)) => {
                if let Ok(mut data) = frame.into_data() {
                    let data = data.copy_to_bytes(data.remaining());
                    page.received(&data);
                }
            }
            Some(Err(error)) => break Err(around(error)),
        }
    };
    page.note_body(whole);
    result
}

fn respond(answer: Answer, page: Page, wire: Option<Arc<Wire>>) -> Response<AnswerBody> {
    let mut answer = or_problem(answer);
    page.note_answer(Some(answer.status), answer.problem());
    if let (Some(Fault::CutInHead(bytes)), Some(wire)) = (answer.fault, &wire) {
        wire.die_after(bytes, answer.abrupt);
    }
    if let Some(name) = answer.request_id.take() {
        let id = HeaderValue::try_from(format!("req_{:04}", page.number()));
        if let Ok(id) = id {
            answer.headers.entry(name).or_insert(id);
        }
    }
    let length = declared_length(&answer);
    if let Some(length) = length {
        answer.headers.insert(CONTENT_LENGTH, length.into());
    }
    let steps = steps(&answer);
    let mut response = Response::new(AnswerBody::new(steps, length, answer.abrupt, page, wire));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The answer, or a 500 that says what is wrong with it.
fn or_problem(mut answer: Answer) -> Answer {
    if let Some(problem) = answer.problem() {
        let body = format!("tower-steady-testkit cannot send this answer: {problem}\n");
        answer.status = StatusCode::INTERNAL_SERVER_ERROR;
        answer.headers.clear();
        answer
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        answer.steps = vec![Step::Data(body.into())];
        answer.chunked = false;
        answer.trailers = None;
    }
    answer
}

/// The length to announce. None where the body is chunked, where the script announces one itself
/// (right or wrong) and where there must be none (RFC 9110 section 8.6).
fn declared_length(answer: &Answer) -> Option<u64> {
    let none_allowed = answer.status.is_informational() || answer.status == StatusCode::NO_CONTENT;
    if answer.chunked || none_allowed || answer.headers.contains_key(CONTENT_LENGTH) {
        return None;
    }
    let lengths = answer.steps.iter().map(|step| match step {
        Step::Data(data) => data.len() as u64,
        _ => 0,
    });
    Some(lengths.sum())
}

/// What the body plays, faults included.
fn steps(answer: &Answer) -> VecDeque<Step> {
    let (end, mut left) = match answer.fault {
        Some(Fault::CutAfter(bytes)) => (Some(Step::Cut), bytes),
        Some(Fault::HangAfter(bytes)) => (Some(Step::Hang), bytes),
        // The wire dies on its own, unless the whole answer is shorter.
        Some(Fault::CutInHead(_)) => (Some(Step::Cut), u64::MAX),
        _ => (None, u64::MAX),
    };
    let mut steps = VecDeque::with_capacity(answer.steps.len() + 1);
    for step in &answer.steps {
        let Step::Data(data) = step else {
            steps.push_back(step.clone());
            continue;
        };
        let part = usize::try_from(left).map_or(data.len(), |left| left.min(data.len()));
        if part > 0 && !answer.pace.is_zero() {
            steps.push_back(Step::Wait(answer.pace));
        }
        if part > 0 {
            steps.push_back(Step::Data(data.slice(..part)));
        }
        left -= part as u64;
        if left == 0 && end.is_some() {
            break;
        }
    }
    match end {
        Some(end) => steps.push_back(end),
        None => steps.extend(answer.trailers.clone().map(Step::Trailers)),
    }
    steps
}

pub(crate) fn cut_kind(abrupt: bool) -> io::ErrorKind {
    if abrupt {
        io::ErrorKind::ConnectionReset
    } else {
        io::ErrorKind::UnexpectedEof
    }
}

/// Ends the connection under a call that gets no head.
fn gone(wire: Option<&Wire>, kind: io::ErrorKind) -> io::Error {
    if let Some(wire) = wire {
        wire.die(kind != io::ErrorKind::UnexpectedEof);
    }
    kind.into()
}

/// The source of an [`io::Error`] is the source of what it holds: without a wrapper in between,
/// whoever walks the chain misses the error itself.
#[derive(Debug)]
struct Around(BoxError);

fn around(error: impl Into<BoxError>) -> io::Error {
    io::Error::other(Around(error.into()))
}

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Around {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
