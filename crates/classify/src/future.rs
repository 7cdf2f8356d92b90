use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_steady_core::metrics::Since;
use tower_steady_core::{BoxError, Class, Failure, Lease};

use crate::Provider;
use crate::body::ResponseBody;
use crate::classifier::Classifier;
use crate::config::{Config, Source};
use crate::events;
use crate::metrics;
use crate::note;
use crate::peek::Peek;
use crate::stream::{Format, Origin, Watch, grpc_head};

pin_project! {
    /// The answer of the inner service, looked at as far as need be.
    pub struct ResponseFuture<F, B: Body> {
        #[pin]
        state: State<F, B>,
        config: Source<Lease<Config>>,
        provider: Option<Provider>,
        sent: Since,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B: Body> {
        Calling { #[pin] future: F },
        Looking { peek: Box<Peek<B>> },
    }
}

impl<F, B: Body> ResponseFuture<F, B> {
    #[inline]
    pub(crate) fn new(
        future: F,
        config: Source<Lease<Config>>,
        provider: Option<Provider>,
    ) -> Self {
        Self {
            state: State::Calling { future },
            config,
            provider,
            sent: metrics::sent(),
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Output = Result<Response<ResponseBody<B>>, BoxError>;

    // Always, as `Look::at`: what stays a call of its own copies the response once more.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let polled = match this.state.project() {
            StateProj::Calling { future } => future.poll(cx),
            StateProj::Looking { peek } => return peek.poll(cx, this.config).map(Ok),
        };
        // Judged where it is and moved once, with its new body: a copy of an answer costs more than
        // the look at its head.
        let look = match &polled {
            Poll::Ready(Ok(response)) => {
                Look::at(response.status(), response.headers(), this.config)
            }
            _ => Look::Pass,
        };
        match polled {
            Poll::Ready(Ok(response)) => match look {
                Look::Pass => Poll::Ready(Ok(response.map(ResponseBody::plain))),
                look => self.look(look, response, cx),
            },
            Poll::Ready(Err(error)) => {
                let error = failed(error.into(), this.config, *this.provider);
                Poll::Ready(Err(error))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<F, B> ResponseFuture<F, B>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    /// Begins a look. What the head or the first frame has said all about is answered at once.
    #[inline(never)]
    fn look(
        self: Pin<&mut Self>,
        look: Look,
        response: Response<B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResponseBody<B>>, BoxError>> {
        let mut this = self.project();
        match look.start(response, this.config, *this.provider, *this.sent, cx) {
            Ok(response) => Poll::Ready(Ok(response)),
            Err(mut peek) => {
                let polled = peek.poll(cx, this.config);
                if polled.is_pending() {
                    this.state.set(State::Looking { peek });
                }
                polled.map(Ok)
            }
        }
    }
}

/// Puts the outcome around an error, unless there is one already.
fn failed(mut error: BoxError, config: &Config, provider: Option<Provider>) -> BoxError {
    if Failure::find(&*error).is_some() {
        return error;
    }
    let mut outcome = config.judge.error(&*error);
    events::failed(&mut outcome);
    metrics::failed(outcome.class, provider);
    *Failure::outermost(&mut error).outcome_mut() = outcome;
    error
}

/// What a response's head says about its body.
enum Look {
    /// A whole success, or nothing that anybody could look into.
    Pass,
    Error,
    /// A success of this kind.
    In(Kind),
}

impl Look {
    #[inline(always)]
    fn at(status: StatusCode, headers: &HeaderMap, config: &Config) -> Self {
        if status != StatusCode::OK {
            return match Class::from_status(status) {
                Class::Success => Self::Pass,
                _ => Self::Error,
            };
        }
        if headers.is_empty() {
            return Self::Pass;
        }
        let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
            return Self::Pass;
        };
        match Kind::of(content_type.as_bytes()) {
            Kind::Other => Self::Pass,
            // Decoding a stream as it comes is not a look any more.
            kind if is_encoded(headers) && !matches!(kind, Kind::Grpc) => Self::Pass,
            Kind::Json if !(config.json_look && may_be_error(headers)) => Self::Pass,
            kind => Self::In(kind),
        }
    }

    /// Starts to look, or answers at once where the head has said all.
    fn start<B>(
        self,
        mut response: Response<B>,
        config: &Config,
        provider: Option<Provider>,
        sent: Since,
        cx: &mut Context<'_>,
    ) -> Result<Response<ResponseBody<B>>, Box<Peek<B>>>
    where
        B: Body<Data = Bytes>,
        B::Error: 'static,
    {
        let format = match self {
            Self::Error => return Err(Peek::error(response, provider)),
            Self::Pass | Self::In(Kind::Other) => return Ok(response.map(ResponseBody::plain)),
            Self::In(Kind::Json) => return Peek::json(response, provider, cx, config),
            Self::In(Kind::Grpc) if response.headers().contains_key("grpc-status") => {
                let outcome = grpc_head(response.headers(), &config.judge, provider);
                if let Some(mut outcome) = outcome {
                    outcome.whole = response.body().is_end_stream();
                    events::answered(&outcome, response.status(), response.headers());
                    metrics::failed(outcome.class, provider);
                    let (mut head, body) = response.into_parts();
                    note::leave(outcome, &mut head.extensions);
                    events::refused(head.extensions.get_mut(), head.status, &head.headers);
                    response = Response::from_parts(head, body);
                }
                return Ok(response.map(ResponseBody::plain));
            }
            Self::In(Kind::EventStream) => Format::Sse(Default::default()),
            Self::In(Kind::Ndjson) => Format::Ndjson(Default::default()),
            Self::In(Kind::AwsEventStream) => Format::Frames(Default::default()),
            Self::In(Kind::Grpc) => Format::Grpc,
        };
        let origin = Origin::new(&config.judge, provider, response.headers());
        let watch = Watch::new(format, origin).timed(sent);
        Err(Peek::stream(response, provider, watch))
    }
}

pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// An error in JSON with a success status is small; what says that it is longer is none.
fn may_be_error(headers: &HeaderMap) -> bool {
    const LONGEST: u64 = 64 * 1024;
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length <= LONGEST)
}

/// The kinds of success bodies that can hold an error.
pub(crate) enum Kind {
    Json,
    EventStream,
    Ndjson,
    AwsEventStream,
    Grpc,
    Other,
}

impl Kind {
    pub(crate) fn of(content_type: &[u8]) -> Self {
        // All of them begin so; most other successes end here.
        if !matches!(
            content_type,
            [b'a' | b'A', b'p' | b'P', ..] | [b't' | b'T', ..]
        ) {
            return Self::Other;
        }
        let essence = content_type
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
        if is(b"application/json") || ends_with_json(essence) {
            Self::Json
        } else if is(b"text/event-stream") {
            Self::EventStream
        } else if is(b"application/x-ndjson")
            || is(b"application/ndjson")
            || is(b"application/jsonl")
            || is(b"application/x-jsonlines")
            || is(b"application/stream+json")
        {
            Self::Ndjson
        } else if is(b"application/vnd.amazon.eventstream") {
            Self::AwsEventStream
        } else if is(b"application/grpc")
            || is(b"application/grpc+proto")
            || is(b"application/grpc+json")
        {
            Self::Grpc
        } else {
            Self::Other
        }
    }
}

/// A structured syntax suffix (RFC 6839): `application/problem+json`.
fn ends_with_json(essence: &[u8]) -> bool {
    essence
        .split_last_chunk::<5>()
        .is_some_and(|(name, suffix)| {
            suffix.eq_ignore_ascii_case(b"+json") && !name.ends_with(b"stream")
        })
}

impl<F, B: Body> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Calling { .. } => "calling",
            State::Looking { .. } => "looking",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
