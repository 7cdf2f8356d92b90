//! The body that all copies share, what has been read of it, and who reads it now.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tower_steady_core::BoxError;

use crate::buffer::{Buffer, Full, Piece};
use crate::error::{LimitExceeded, SourceError, Superseded};

type PollFrame = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// The wrapped body with its record.
///
/// Copies are readers. One of them, the latest to begin, owns the tape: it reads the record, then
/// goes on with the source. A reader that is no longer the owner gets an error.
pub(crate) struct Tape<B> {
    /// Gone once it has ended or failed.
    source: Option<Pin<Box<B>>>,
    failed: Option<SourceError>,
    limit: usize,
    record: Record,
    /// Whether the source has yielded anything at all, its end included.
    touched: bool,
    /// The bytes of data that the source has yielded.
    pulled: u64,
    owner: Option<Owner>,
    /// Readers that have not begun. While there is one, the record must be kept.
    waiting: usize,
    readers: u64,
    round: u64,
}

/// What is left of the frames that the source has yielded.
enum Record {
    /// All of them, from the first one on.
    Kept(Buffer),
    /// Those that the owner has still to read; nobody else will.
    Draining(Buffer),
    /// None.
    Gone,
}

/// One copy's place on the tape.
#[derive(Debug)]
pub(crate) struct Reader {
    id: u64,
    begun: bool,
    done: bool,
}

struct Owner {
    id: u64,
    round: u64,
    /// The index of the next piece in a kept record.
    next: usize,
    /// The bytes of data that it has read from the record or the source.
    read: u64,
    /// Whether it is past the record, on the source itself.
    live: bool,
    /// Whether it will read no more: it has come to its end, or it is gone.
    over: bool,
    /// Its task, while it waits for the source.
    parked: Option<Waker>,
}

/// The result of a poll, and what is to be done once the lock is released.
pub(crate) struct Polled {
    pub(crate) frame: PollFrame,
    /// The task of an owner that has just been superseded, to be woken.
    pub(crate) wake: Option<Waker>,
    /// A waker that is out of use, to be dropped.
    pub(crate) retired: Option<Waker>,
    /// The body has just gone over this limit.
    pub(crate) over: Option<usize>,
}

impl<B> Tape<B> {
    /// A tape with its first reader. A `limit` of `None` keeps no record.
    pub(crate) fn new(source: B, limit: usize, record: bool) -> (Self, Reader) {
        let record = if record {
            Record::Kept(Buffer::new(limit))
        } else {
            Record::Gone
        };
        let tape = Self {
            source: Some(Box::pin(source)),
            failed: None,
            limit,
            record,
            touched: false,
            pulled: 0,
            owner: None,
            waiting: 1,
            readers: 1,
            round: 0,
        };
        (tape, Reader::new(0))
    }

    /// Another reader, and the round in which both it and the one that it comes from now are.
    ///
    /// Readers that stay behind in an earlier round belong to earlier attempts, even if they have
    /// never begun: they cannot take the tape from one of this round while that reads.
    pub(crate) fn copy(&mut self) -> Option<(Reader, u64)> {
        match self.record {
            Record::Kept(_) if self.failed.is_none() => {}
            _ => return None,
        }
        let reader = Reader::new(self.readers);
        self.readers += 1;
        self.round += 1;
        self.waiting += 1;
        Some((reader, self.round))
    }

    /// A reader is gone. Gives back a waker to be dropped.
    pub(crate) fn release(&mut self, reader: &mut Reader) -> Option<Waker> {
        if !reader.begun {
            self.began(reader);
        }
        match &mut self.owner {
            Some(owner) if owner.id == reader.id => {
                owner.over = true;
                owner.parked.take()
            }
            _ => None,
        }
    }

    /// `reader` waits no longer. With the last one that did, the record has no more use than to be
    /// read to its end by the owner.
    fn began(&mut self, reader: &mut Reader) {
        reader.begun = true;
        self.waiting -= 1;
        let live = self.owner.as_ref().is_some_and(|owner| owner.live);
        if self.waiting == 0 && live {
            self.record = Record::Gone;
        }
    }

    /// Makes `reader` the owner if it may be. `Some` is the task of the one before.
    fn claim(&mut self, reader: &mut Reader, round: u64) -> Result<Option<Waker>, Superseded> {
        let begun = reader.begun;
        match &self.owner {
            Some(owner) if owner.id == reader.id => return Ok(None),
            Some(owner) if begun || (round < owner.round && !owner.over) => {
                if !begun {
                    self.began(reader);
                }
                return Err(Superseded);
            }
            _ => {}
        }
        let before = self.owner.replace(Owner {
            id: reader.id,
            round,
            next: 0,
            read: 0,
            live: !self.touched,
            over: false,
            parked: None,
        });
        self.began(reader);
        Ok(before.and_then(|owner| owner.parked))
    }
}

impl<B> Tape<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Polls on behalf of `reader`, which is in `round`.
    pub(crate) fn poll_frame(
        &mut self,
        reader: &mut Reader,
        round: u64,
        cx: &mut Context<'_>,
    ) -> Polled {
        let mut polled = Polled {
            frame: Poll::Ready(None),
            wake: None,
            retired: None,
            over: None,
        };
        if reader.done {
            return polled;
        }
        polled.frame = match self.claim(reader, round) {
            Err(superseded) => Poll::Ready(Some(Err(superseded.into()))),
            Ok(before) => {
                polled.wake = before;
                self.replay()
                    .unwrap_or_else(|| self.pull(cx, &mut polled.retired, &mut polled.over))
            }
        };
        if matches!(polled.frame, Poll::Ready(None | Some(Err(_)))) {
            reader.done = true;
            if let Some(owner) = self.owner.as_mut().filter(|owner| owner.id == reader.id) {
                owner.over = true;
            }
        }
        polled
    }

    /// The owner's next frame from the record; `None` if that is at its end.
    fn replay(&mut self) -> Option<PollFrame> {
        let owner = self.owner.as_mut().filter(|owner| !owner.live)?;
        if self.waiting == 0
            && let Record::Kept(buffer) = &mut self.record
        {
            let mut rest = mem::replace(buffer, Buffer::new(0));
            rest.skip(owner.next);
            self.record = Record::Draining(rest);
        }
        let piece = match &mut self.record {
            Record::Kept(buffer) => {
                let piece = buffer.get(owner.next);
                owner.next += usize::from(piece.is_some());
                piece
            }
            Record::Draining(buffer) => buffer.pop(),
            Record::Gone => {
                let error = LimitExceeded::new(self.limit);
                return Some(Poll::Ready(Some(Err(error.into()))));
            }
        };
        match piece {
            Some(Piece::Data(data)) => {
                owner.read += data.len() as u64;
                Some(Poll::Ready(Some(Ok(Frame::data(data)))))
            }
            Some(Piece::Trailers(trailers)) => {
                Some(Poll::Ready(Some(Ok(Frame::trailers(*trailers)))))
            }
            None => {
                owner.live = true;
                if self.waiting == 0 {
                    self.record = Record::Gone;
                }
                None
            }
        }
    }

    /// The owner's next frame from the source, recorded if anybody may want it again.
    fn pull(
        &mut self,
        cx: &mut Context<'_>,
        retired: &mut Option<Waker>,
        over: &mut Option<usize>,
    ) -> PollFrame {
        if let Some(failed) = &self.failed {
            return Poll::Ready(Some(Err(failed.clone().into())));
        }
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = source.as_mut().poll_frame(cx) else {
            self.park(cx, retired);
            return Poll::Pending;
        };
        self.touched = true;
        match frame {
            None => {
                self.source = None;
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                self.source = None;
                let error = SourceError::new(error.into());
                self.failed = Some(error.clone());
                Poll::Ready(Some(Err(error.into())))
            }
            Some(Ok(frame)) => {
                let frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                let size = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.pulled += size;
                if let Some(owner) = &mut self.owner {
                    owner.read += size;
                }
                self.keep(&frame, over);
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn keep(&mut self, frame: &Frame<Bytes>, over: &mut Option<usize>) {
        let Record::Kept(buffer) = &mut self.record else {
            return;
        };
        let kept = if let Some(data) = frame.data_ref() {
            buffer.push_data(data)
        } else if let Some(trailers) = frame.trailers_ref() {
            buffer.push_trailers(trailers)
        } else {
            // A kind of frame that does not exist yet cannot be replayed.
            Err(Full)
        };
        if kept.is_err() {
            self.record = Record::Gone;
            *over = Some(self.limit);
        }
    }

    /// Notes whom to wake should another reader take over. Nobody can if nobody waits.
    fn park(&mut self, cx: &Context<'_>, retired: &mut Option<Waker>) {
        if self.waiting == 0 {
            return;
        }
        if let Some(owner) = &mut self.owner {
            match &owner.parked {
                Some(parked) if parked.will_wake(cx.waker()) => {}
                _ => *retired = owner.parked.replace(cx.waker().clone()),
            }
        }
    }

    /// What `reader` has still to read, if all goes well.
    pub(crate) fn size_hint(&self, reader: &Reader) -> SizeHint {
        if reader.done {
            return SizeHint::with_exact(0);
        }
        let read = match self.owner_of(reader) {
            Some(owner) => owner.read,
            None if reader.begun => return SizeHint::default(),
            None => 0,
        };
        let recorded = self.pulled - read;
        let mut hint = SizeHint::new();
        match &self.source {
            Some(source) => {
                let rest = source.size_hint();
                hint.set_lower(recorded.saturating_add(rest.lower()));
                if let Some(upper) = rest.upper().and_then(|upper| recorded.checked_add(upper)) {
                    hint.set_upper(upper);
                }
            }
            None if self.failed.is_none() => hint.set_exact(recorded),
            None => hint.set_lower(recorded),
        }
        hint
    }

    /// Whether `reader` is known to have nothing more to read, trailers included.
    pub(crate) fn is_end_stream(&self, reader: &Reader) -> bool {
        if reader.done {
            return true;
        }
        let (next, live) = match self.owner_of(reader) {
            Some(owner) => (owner.next, owner.live),
            None if reader.begun => return false,
            None => (0, !self.touched),
        };
        let replayed = live
            || match &self.record {
                Record::Kept(buffer) => buffer.ends_at(next),
                Record::Draining(buffer) => buffer.is_empty(),
                Record::Gone => false,
            };
        replayed
            && match &self.source {
                Some(source) => source.is_end_stream(),
                None => self.failed.is_none(),
            }
    }

    fn owner_of(&self, reader: &Reader) -> Option<&Owner> {
        self.owner.as_ref().filter(|owner| owner.id == reader.id)
    }
}

impl Reader {
    const fn new(id: u64) -> Self {
        Self {
            id,
            begun: false,
            done: false,
        }
    }
}
