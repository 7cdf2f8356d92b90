//! Two connections that hold copies of one body, on two threads.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use tower_steady_core::{BoxError, TryClone};

use crate::{ReplayBody, Superseded};

/// Yields its chunks, with a wait before each.
struct Source {
    chunks: VecDeque<&'static str>,
    ready: bool,
}

impl Source {
    fn new(chunks: &[&'static str]) -> Self {
        Self {
            chunks: chunks.iter().copied().collect(),
            ready: false,
        }
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.ready = !self.ready;
        if self.ready {
            return Poll::Pending;
        }
        Poll::Ready(
            self.chunks
                .pop_front()
                .map(|chunk| Ok(Frame::data(Bytes::from(chunk)))),
        )
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: StdArc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn poll(
    body: &mut ReplayBody<Source>,
    waker: &Waker,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(waker))
}

/// Polls to the end, as a task that is polled again at once.
fn read(body: &mut ReplayBody<Source>, waker: &Waker) -> Result<String, BoxError> {
    let mut all = String::new();
    loop {
        match poll(body, waker) {
            Poll::Pending => {}
            Poll::Ready(None) => return Ok(all),
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(Some(Ok(frame))) => {
                all.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
            }
        }
    }
}

#[test]
fn a_later_attempt_reads_all_of_it_whatever_the_earlier_connection_does_meanwhile() {
    loom::model(|| {
        let mut old = ReplayBody::new(Source::new(&["a", "b"]), 16);
        let kept = old.try_clone().unwrap();
        let connection = loom::thread::spawn(move || {
            for _ in 0..3 {
                let _ = poll(&mut old, Waker::noop());
            }
        });
        let mut new = kept.try_clone().unwrap();
        drop(kept);
        assert_eq!(read(&mut new, Waker::noop()).unwrap(), "ab");
        connection.join().unwrap();
    });
}

#[test]
fn a_superseded_connection_that_waits_is_always_woken() {
    loom::model(|| {
        let mut old = ReplayBody::new(Source::new(&["a"]), 16);
        let kept = old.try_clone().unwrap();
        let flag = StdArc::new(Flag::default());
        let waker = Waker::from(StdArc::clone(&flag));
        let connection = loom::thread::spawn(move || {
            let first = poll(&mut old, &waker);
            (old, waker, first.is_pending())
        });
        let mut new = kept.try_clone().unwrap();
        let _ = poll(&mut new, Waker::noop());
        let (mut old, waker, waits) = connection.join().unwrap();
        if waits {
            assert!(flag.0.load(Ordering::SeqCst), "left asleep");
            let Poll::Ready(Some(Err(error))) = poll(&mut old, &waker) else {
                panic!("still reads");
            };
            assert!(error.is::<Superseded>());
        }
    });
}

#[test]
fn dropping_the_kept_copy_races_with_reading_and_with_copying() {
    loom::model(|| {
        let mut body = ReplayBody::new(Source::new(&["a", "b"]), 16);
        let kept = body.try_clone().unwrap();
        let other = loom::thread::spawn(move || {
            let copy = kept.try_clone();
            drop(kept);
            drop(copy);
        });
        assert_eq!(read(&mut body, Waker::noop()).unwrap(), "ab");
        other.join().unwrap();
        assert!(body.try_clone().is_none());
    });
}
