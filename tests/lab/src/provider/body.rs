use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::{HttpError, StreamShape};

/// The body of a simulated answer: whole JSON, or server-sent events that come one by one.
#[derive(Debug)]
pub struct AnswerBody(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Option<Bytes>),
    Events(Events),
}

#[derive(Debug)]
struct Events {
    next: usize,
    shape: StreamShape,
    cut: Option<Cut>,
    timer: Pin<Box<Sleep>>,
}

/// Where a stream breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Early,
    Midway,
}

const ROLE: &str = concat!(
    r#"data: {"object":"chat.completion.chunk","choices":[{"index":0,"#,
    r#""delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    "\n\n"
);
pub(crate) const OUTPUT: &str = concat!(
    r#"data: {"object":"chat.completion.chunk","choices":[{"index":0,"#,
    r#""delta":{"content":"a word"},"finish_reason":null}]}"#,
    "\n\n"
);
pub(crate) const DONE: &str = "data: [DONE]\n\n";

impl AnswerBody {
    pub(super) fn whole(text: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(Some(text.into())))
    }

    pub(super) fn events(shape: StreamShape, cut: Option<Cut>) -> Self {
        Self(Kind::Events(Events {
            next: 0,
            shape,
            cut,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }))
    }
}

impl Events {
    /// The event at this place: the role first, then the output, then the end.
    fn event(&self, place: usize) -> Option<&'static str> {
        match place.checked_sub(1) {
            None => Some(ROLE),
            Some(place) if place < self.shape.events => Some(OUTPUT),
            Some(place) if place == self.shape.events => Some(DONE),
            Some(_) => None,
        }
    }

    fn breaks_at(&self, place: usize) -> bool {
        match self.cut {
            None => false,
            Some(Cut::Early) => place == 1,
            Some(Cut::Midway) => place == 1 + self.shape.events / 2,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let events = match &mut self.0 {
            Kind::Whole(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Kind::Events(events) => events,
        };
        let place = events.next;
        let Some(event) = events.event(place) else {
            return Poll::Ready(None);
        };
        ready!(events.timer.as_mut().poll(cx));
        if events.breaks_at(place) {
            events.next = usize::MAX;
            return Poll::Ready(Some(Err(HttpError::Reset)));
        }
        events.next = place + 1;
        let due = Instant::now() + events.shape.gap;
        events.timer.as_mut().reset(due);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(event.as_bytes())))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(text) => text.is_none(),
            Kind::Events(events) => events.event(events.next).is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Kind::Events(_) => SizeHint::default(),
        }
    }
}
