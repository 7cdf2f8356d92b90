//! Looking at a body before its head is passed on.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, response};
use http_body::{Body, Frame};
use tokio::time::Sleep;
use tower_steady_core::{LastPoll, Outcome};

use crate::Provider;
use crate::body::{ResponseBody, Rest};
use crate::chunks::Chunks;
use crate::classify::judge_body;
use crate::config::Config;
use crate::events;
use crate::metrics;
use crate::note;
use crate::stream::{Format, Origin, Signal, Sse, Watch, top_level};
use crate::transport::classify_body_error;

/// How much of a JSON answer is read before it counts as one.
pub(crate) const JSON_LIMIT: usize = 4 * 1024;

/// A body in more frames than this is not read for a look: they may be empty and without end.
const MOST_FRAMES: usize = 16 * 1024;

/// A body that is being looked at.
pub(crate) struct Peek<B: Body> {
    head: Option<response::Parts>,
    /// Taken with the answer; dropped here, and its connection freed, if it was read to its end.
    body: Option<Pin<Box<B>>>,
    provider: Option<Provider>,
    chunks: Chunks,
    aim: Aim,
    frames: usize,
    /// How many bytes of an answer in JSON have been looked at.
    looked: usize,
    /// Set when the body makes us wait for the first time: most bodies are there with their head.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What the look is for.
enum Aim {
    /// The error's words.
    Error,
    /// Is it an error?
    Json,
    /// Is it output?
    Stream(Box<Watch>),
    /// A stream has failed before output: the rest of it, so that its connection is free.
    Rest(Box<Watch>, Outcome),
}

/// How a look ended.
enum End<E> {
    /// The body is read to its end.
    Whole,
    /// It ended in an error.
    Broken(E),
    /// It goes on: enough was seen, or the time is up.
    Enough,
}

impl<B> Peek<B>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    pub(crate) fn error(response: Response<B>, provider: Option<Provider>) -> Box<Self> {
        let (head, body) = response.into_parts();
        Self::new(head, Box::pin(body), provider, Aim::Error)
    }

    /// Most answers in JSON are there with their head, whole and in one piece: they pass without a
    /// place to be held in. Others are looked at as they come.
    pub(crate) fn json(
        response: Response<B>,
        provider: Option<Provider>,
        cx: &mut Context<'_>,
        config: &Config,
    ) -> Result<Response<ResponseBody<B>>, Box<Self>> {
        let (head, body) = response.into_parts();
        let mut body = Box::pin(body);
        let mut polled = if body.is_end_stream() {
            Poll::Ready(None)
        } else {
            body.as_mut().poll_frame(cx)
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(chunk) = frame.data_mut()
            && body.is_end_stream()
            && is_whole_answer(chunk)
        {
            let body = ResponseBody::whole(mem::take(chunk));
            return Ok(Response::from_parts(head, body));
        }
        let mut peek = Self::new(head, body, provider, Aim::Json);
        match peek.take(polled, cx, config) {
            Poll::Ready(Some(end)) => Ok(peek.finish(end, config)),
            Poll::Ready(None) | Poll::Pending => Err(peek),
        }
    }

    pub(crate) fn stream(
        response: Response<B>,
        provider: Option<Provider>,
        watch: Watch,
    ) -> Box<Self> {
        let (head, body) = response.into_parts();
        let aim = Aim::Stream(Box::new(watch));
        Self::new(head, Box::pin(body), provider, aim)
    }

    fn new(
        head: response::Parts,
        body: Pin<Box<B>>,
        provider: Option<Provider>,
        aim: Aim,
    ) -> Box<Self> {
        Box::new(Self {
            head: Some(head),
            body: Some(body),
            provider,
            chunks: Chunks::default(),
            aim,
            frames: 0,
            looked: 0,
            timer: None,
        })
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        config: &Config,
    ) -> Poll<Response<ResponseBody<B>>> {
        let end = loop {
            let body = self.body.as_mut().expect("polled after it was ready");
            let polled = if body.is_end_stream() {
                Poll::Ready(None)
            } else {
                body.as_mut().poll_frame(cx)
            };
            if let Some(end) = ready!(self.take(polled, cx, config)) {
                break end;
            }
        };
        Poll::Ready(self.finish(end, config))
    }

    /// Takes in what the body gave. `None`: on with it.
    fn take(
        &mut self,
        polled: Poll<Option<Result<Frame<Bytes>, B::Error>>>,
        cx: &mut Context<'_>,
        config: &Config,
    ) -> Poll<Option<End<B::Error>>> {
        let end = match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Aim::Stream(watch) = &mut self.aim {
                    let signal = watch.frame(&frame);
                    self.heed(signal);
                }
                match frame.into_data() {
                    Ok(data) => self.chunks.push(data),
                    Err(frame) => self.chunks.trailers = frame.into_trailers().ok(),
                }
                self.has_seen_enough(config).then_some(End::Enough)
            }
            Poll::Ready(None) => {
                self.ended();
                Some(End::Whole)
            }
            Poll::Ready(Some(Err(error))) => {
                if let Aim::Stream(watch) = &mut self.aim {
                    let signal = watch.error(classify_body_error(&error));
                    self.heed(signal);
                }
                Some(End::Broken(error))
            }
            Poll::Pending if self.is_time_up(cx, config) => Some(End::Enough),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(end)
    }

    /// A stream that has failed before output is read on, for the sake of its connection. One that
    /// failed after output, be it in the same chunk, is committed: its cell alone tells.
    fn heed(&mut self, signal: Signal) {
        let Signal::Failed(outcome) = signal else {
            return;
        };
        if matches!(&self.aim, Aim::Stream(watch) if watch.has_output()) {
            events::cut_short(&outcome);
        } else if let Aim::Stream(watch) = mem::replace(&mut self.aim, Aim::Error) {
            self.aim = Aim::Rest(watch, outcome);
            // From here on it is the time limit of an error body.
            self.timer = None;
        }
    }

    fn ended(&mut self) {
        if let Aim::Stream(watch) = &mut self.aim {
            let signal = watch.end();
            self.heed(signal);
        }
    }

    fn has_seen_enough(&mut self, config: &Config) -> bool {
        self.frames += 1;
        if self.frames >= MOST_FRAMES {
            return true;
        }
        match &self.aim {
            Aim::Error | Aim::Rest(..) | Aim::Stream(_) => {
                self.is_committed() || self.chunks.len() >= config.look_limit
            }
            // Looked at again when it has doubled, so that single bytes cost no square.
            Aim::Json if self.chunks.len() < self.looked.saturating_mul(2).min(JSON_LIMIT) => false,
            Aim::Json => {
                self.looked = self.chunks.len();
                let head = self.chunks.head(JSON_LIMIT);
                let head = head.trim_ascii_start();
                if Sse::begins(head) {
                    self.follow_events(config);
                    return self.is_committed() || self.chunks.len() >= config.look_limit;
                }
                let look = top_level(head);
                let full = self.chunks.len() >= JSON_LIMIT;
                if look.is_error_in(full) {
                    self.aim = Aim::Error;
                    return self.chunks.len() >= config.look_limit;
                }
                look.answer || full
            }
        }
    }

    /// What was called JSON is an event stream: it is followed as one from its first byte on.
    fn follow_events(&mut self, config: &Config) {
        let format = Format::Sse(Sse::default());
        let head = self.head.as_ref().expect("polled after it was ready");
        let origin = Origin::new(&config.judge, self.provider, &head.headers);
        let mut watch = Box::new(Watch::new(format, origin));
        let signal = watch.data(&self.chunks.head(usize::MAX));
        self.aim = Aim::Stream(watch);
        self.timer = None;
        self.heed(signal);
    }

    fn is_committed(&self) -> bool {
        matches!(&self.aim, Aim::Stream(watch) if watch.is_committed())
    }

    fn is_time_up(&mut self, cx: &mut Context<'_>, config: &Config) -> bool {
        let limit: Option<Duration> = match &self.aim {
            // A timer further out is about to give the call up, and the refusal would be lost with it.
            Aim::Error | Aim::Rest(..) if LastPoll::is_now() => return true,
            Aim::Error | Aim::Json | Aim::Rest(..) => Some(config.time_limit),
            Aim::Stream(_) => config.max_hold,
        };
        let Some(limit) = limit else { return false };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        timer.as_mut().poll(cx).is_ready()
    }

    fn finish(&mut self, end: End<B::Error>, config: &Config) -> Response<ResponseBody<B>> {
        let mut head = self.head.take().expect("polled after it was ready");
        let chunks = mem::take(&mut self.chunks);
        let whole = matches!(end, End::Whole);
        let mut watch = None;
        let outcome = match mem::replace(&mut self.aim, Aim::Error) {
            Aim::Error => Some(self.judged(&head, &chunks, config)),
            Aim::Json => match &end {
                End::Whole
                    if chunks.len() > self.looked
                        && top_level(chunks.head(JSON_LIMIT).trim_ascii_start()).is_error() =>
                {
                    Some(self.judged(&head, &chunks, config))
                }
                End::Broken(error) => Some(classify_body_error(error)),
                _ => None,
            },
            Aim::Stream(seen) => {
                watch = Some(seen);
                None
            }
            Aim::Rest(seen, outcome) => {
                watch = Some(seen);
                Some(outcome)
            }
        };
        if let Some(mut outcome) = outcome {
            outcome.whole = whole;
            events::answered(&outcome, head.status, &head.headers);
            metrics::failed(outcome.class, self.provider);
            note::leave(outcome, &mut head.extensions);
            events::refused(head.extensions.get_mut(), head.status, &head.headers);
        }
        if let Some(watch) = &watch {
            head.extensions.insert(watch.cell());
        }
        let rest = match (end, watch) {
            (End::Whole, _) => Rest::Nothing,
            (End::Broken(error), _) => Rest::Error(Some(error)),
            (End::Enough, Some(watch)) => {
                Rest::Watched(self.body.take().expect("held until now"), watch)
            }
            (End::Enough, None) => Rest::Body(self.body.take().expect("held until now")),
        };
        // Read to its end, it frees its connection here.
        self.body = None;
        Response::from_parts(head, ResponseBody::seen(chunks, rest))
    }

    fn judged(&self, head: &response::Parts, chunks: &Chunks, config: &Config) -> Outcome {
        let body = chunks.head(config.look_limit);
        judge_body(
            &config.judge,
            head.status,
            &head.headers,
            &body,
            self.provider,
        )
    }
}

/// Whether a whole JSON body is no error, if that can be told without holding it.
fn is_whole_answer(body: &[u8]) -> bool {
    body.len() <= JSON_LIMIT && {
        let body = body.trim_ascii_start();
        !Sse::begins(body) && !top_level(body).is_error()
    }
}
