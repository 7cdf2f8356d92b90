//! Streams: when does output begin, when is the stream complete, and what if it breaks.

mod event;
mod frames;
mod grpc;
mod lines;
mod look;
mod sse;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Frame;
use tower_steady_core::metrics::{ENABLED, Since};
use tower_steady_core::{Class, Outcome, StreamOutcome};

pub(crate) use self::frames::Frames;
pub(crate) use self::grpc::judge_head as grpc_head;
pub(crate) use self::lines::Ndjson;
pub(crate) use self::look::top_level;
pub(crate) use self::sse::Sse;

use self::event::{Event, Kind};
use crate::classifier::Classifier;
use crate::config::Judge;
use crate::metrics;
use crate::{Facts, Provider};

/// How a stream is cut into events.
#[derive(Debug)]
pub(crate) enum Format {
    Sse(Sse),
    Ndjson(Ndjson),
    Frames(Frames),
    Grpc,
}

/// What a part of a stream came to.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Nothing yet that a caller could use.
    Waiting,
    /// Output has begun, or the stream is complete.
    Committed,
    /// The stream failed.
    Failed(Outcome),
}

/// Where a stream comes from: what an error in it is judged by beside its own words.
#[derive(Clone)]
pub(crate) struct Origin {
    judge: Judge,
    provider: Option<Provider>,
    /// The response's own `Date`: resets in an event are measured against it.
    date: Option<HeaderValue>,
}

impl Origin {
    pub(crate) fn new(judge: &Judge, provider: Option<Provider>, headers: &HeaderMap) -> Self {
        Self {
            judge: judge.clone(),
            provider,
            date: headers.get(header::DATE).cloned(),
        }
    }

    /// What an error inside a stream is.
    fn judge(&self, event: &Event<'_>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(date) = &self.date {
            headers.insert(header::DATE, date.clone());
        }
        let mut facts = Facts::read(StatusCode::OK, &headers, event.data, self.provider);
        if let Some(name) = event.exception {
            facts = facts.with_id(name);
        }
        if !event.data.starts_with(b"{") && !event.data.starts_with(b"[") {
            facts = facts.with_message(String::from_utf8_lossy(event.data));
        }
        self.judge.response(&facts)
    }
}

/// Follows a stream and writes what it comes to into the [`StreamOutcome`].
pub(crate) struct Watch {
    format: Format,
    origin: Origin,
    cell: StreamOutcome,
    progress: Progress,
    /// When its attempt was sent, where its times are counted, and which of them are.
    sent: Option<Since>,
    counted: Progress,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    output: bool,
    /// The kind of stream is known to close with a terminal event.
    expects_end: bool,
    /// A finish reason, or something else after which a missing terminal event is no loss.
    finished: bool,
    over: bool,
}

impl Watch {
    pub(crate) fn new(format: Format, origin: Origin) -> Self {
        Self {
            format,
            origin,
            cell: StreamOutcome::new(),
            progress: Progress::default(),
            sent: None,
            counted: Progress::default(),
        }
    }

    pub(crate) fn provider(&self) -> Option<Provider> {
        self.origin.provider
    }

    /// Counts how long its first output and its end take from `sent` on.
    pub(crate) fn timed(mut self, sent: Since) -> Self {
        self.sent = Some(sent);
        self
    }

    /// The cell that goes into the response's extensions.
    pub(crate) fn cell(&self) -> StreamOutcome {
        self.cell.clone()
    }

    pub(crate) fn has_output(&self) -> bool {
        self.progress.output
    }

    pub(crate) fn is_over(&self) -> bool {
        self.progress.over
    }

    /// Output has begun, or all is over.
    pub(crate) fn is_committed(&self) -> bool {
        self.progress.output || self.progress.over
    }

    pub(crate) fn frame(&mut self, frame: &Frame<Bytes>) -> Signal {
        let signal = if let Some(data) = frame.data_ref() {
            self.data(data)
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers(trailers)
        } else {
            self.state()
        };
        self.count();
        signal
    }

    pub(crate) fn data(&mut self, data: &[u8]) -> Signal {
        if self.progress.over {
            return self.state();
        }
        let Self {
            format,
            origin,
            cell,
            progress,
            ..
        } = self;
        let mut sink = |event: Event<'_>| progress.note(&event, cell, origin);
        match format {
            Format::Sse(sse) => sse.feed(data, &mut sink),
            Format::Ndjson(lines) => lines.feed(data, &mut sink),
            Format::Frames(frames) => frames.feed(data, &mut sink),
            Format::Grpc if data.is_empty() => {}
            Format::Grpc => sink(Event::of(Kind::Output)),
        }
        self.state()
    }

    fn trailers(&mut self, trailers: &HeaderMap) -> Signal {
        if matches!(self.format, Format::Grpc) && !self.progress.over {
            self.progress.over = true;
            match grpc::judge(trailers, &self.origin.judge, self.origin.provider) {
                Some(Ok(())) => drop(self.cell.complete()),
                Some(Err(outcome)) => drop(self.cell.finish(outcome)),
                None => drop(self.cell.finish(cut())),
            }
        }
        self.state()
    }

    /// The body has ended without an error.
    pub(crate) fn end(&mut self) -> Signal {
        if !self.progress.over {
            let Self {
                format,
                origin,
                cell,
                progress,
                ..
            } = self;
            let mut sink = |event: Event<'_>| progress.note(&event, cell, origin);
            // The last event may lack the line that closes it.
            let whole = match format {
                Format::Sse(sse) => sse.end(&mut sink),
                Format::Ndjson(lines) => lines.end(&mut sink),
                Format::Frames(frames) => frames.is_between_frames(),
                Format::Grpc => false,
            };
            if !progress.over {
                progress.over = true;
                let complete =
                    progress.finished || (whole && progress.output && !progress.expects_end);
                if complete {
                    cell.complete();
                } else {
                    cell.finish(cut());
                }
            }
        }
        self.count();
        self.state()
    }

    /// The body has ended in an error.
    pub(crate) fn error(&mut self, outcome: Outcome) -> Signal {
        if !self.progress.over {
            self.progress.over = true;
            self.cell.finish(outcome);
        }
        self.count();
        self.state()
    }

    /// Counts what has come since the last look.
    fn count(&mut self) {
        let provider = self.origin.provider;
        let Some(sent) = self.sent.filter(|_| ENABLED) else {
            return;
        };
        if self.progress.output && !self.counted.output {
            metrics::first_output(provider, sent);
        }
        if self.progress.output && self.progress.over && !self.counted.over {
            let class = self
                .cell
                .verdict()
                .map_or(Class::Success, |outcome| outcome.class);
            metrics::stream_ended(class, provider, sent);
        }
        self.counted = self.progress;
    }

    fn state(&self) -> Signal {
        match self.cell.verdict() {
            Some(outcome) if outcome.class != Class::Success => Signal::Failed(outcome.clone()),
            Some(_) => Signal::Committed,
            None if self.progress.output => Signal::Committed,
            None => Signal::Waiting,
        }
    }
}

impl Progress {
    fn note(&mut self, event: &Event<'_>, cell: &StreamOutcome, origin: &Origin) {
        if self.over {
            return;
        }
        self.expects_end |= event.expects_end;
        self.finished |= event.finished;
        match event.kind {
            Kind::Quiet => {}
            Kind::Output => {
                if !self.output {
                    self.output = true;
                    cell.begin_output();
                }
            }
            Kind::Terminal => {
                self.over = true;
                cell.complete();
            }
            Kind::Error => {
                self.over = true;
                cell.finish(origin.judge(event));
            }
        }
    }
}

/// The stream ended before it was complete.
fn cut() -> Outcome {
    let mut outcome = Outcome::new(Class::Transport);
    outcome.rule = Some("stream-cut");
    outcome
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
