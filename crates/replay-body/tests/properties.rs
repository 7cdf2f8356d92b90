//! Against a reference: whatever the chunks, the waits, the limit and the order of polls, copies and
//! drops, every copy yields a prefix of the body, all of it if it is read to its end, or says why not.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use proptest::prelude::*;
use tower_steady_core::{BoxError, TryClone};
use tower_steady_replay_body::{LimitExceeded, ReplayBody, SourceError, Superseded};

#[derive(Clone, Debug)]
enum Step {
    Data(Vec<u8>),
    Trailers(Vec<(u8, u8)>),
    Wait,
    Fail,
}

/// Plays its steps. Its size hint and end are exact, as those of a body of known length.
#[derive(Clone, Debug)]
struct Script {
    steps: VecDeque<Step>,
    exact: bool,
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

fn trailers(fields: &[(u8, u8)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = format!("x-{name}").parse::<http::HeaderName>().unwrap();
        map.append(name, value.to_string().parse().unwrap());
    }
    map
}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(data.into()))),
            Some(Step::Trailers(fields)) => Some(Ok(Frame::trailers(trailers(&fields)))),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Fail) => {
                self.steps.clear();
                Some(Err(Broken))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.exact && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.exact {
            SizeHint::with_exact(Reference::of(self).data.len() as u64)
        } else {
            SizeHint::default()
        }
    }
}

/// What the body holds, up to its end or its failure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reference {
    data: Vec<u8>,
    /// Trailers, with the number of bytes before them.
    trailers: Vec<(usize, HeaderMap)>,
}

impl Reference {
    fn of(script: &Script) -> Self {
        let mut reference = Self::default();
        for step in &script.steps {
            match step {
                Step::Data(data) => reference.data.extend_from_slice(data),
                Step::Trailers(fields) => reference
                    .trailers
                    .push((reference.data.len(), trailers(fields))),
                Step::Wait => {}
                Step::Fail => break,
            }
        }
        reference
    }

    fn starts_with(&self, read: &Self) -> bool {
        self.data.starts_with(&read.data) && self.trailers.starts_with(&read.trailers)
    }
}

/// One copy and what it has yielded.
struct Reader {
    body: ReplayBody<Script>,
    read: Reference,
    end: Option<Result<(), BoxError>>,
}

impl Reader {
    fn new(body: ReplayBody<Script>) -> Self {
        Self {
            body,
            read: Reference::default(),
            end: None,
        }
    }

    fn poll(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.body).poll_frame(&mut cx) {
            Poll::Pending => {}
            Poll::Ready(None) => {
                self.end.get_or_insert(Ok(()));
            }
            Poll::Ready(Some(Err(error))) => {
                assert!(self.end.is_none(), "an error after the end: {error}");
                self.end = Some(Err(error));
            }
            Poll::Ready(Some(Ok(frame))) => {
                assert!(self.end.is_none(), "a frame after the end");
                match frame.into_data() {
                    Ok(data) => self.read.data.extend_from_slice(&data),
                    Err(frame) => self
                        .read
                        .trailers
                        .push((self.read.data.len(), frame.into_trailers().unwrap())),
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    Poll(usize),
    Copy(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop_oneof![Just(0_usize), 1..8_usize, 500..530_usize, 1000..9000_usize]
            .prop_flat_map(|size| prop::collection::vec(any::<u8>(), size))
            .prop_map(Step::Data),
        1 => prop::collection::vec((0..3_u8, any::<u8>()), 0..3).prop_map(Step::Trailers),
        2 => Just(Step::Wait),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    (
        prop::collection::vec(step(), 0..12),
        prop::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(|(mut steps, fails, exact)| {
            if fails {
                steps.push(Step::Fail);
            }
            Script {
                steps: steps.into(),
                exact,
            }
        })
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0_usize),
        1..20_usize,
        500..20_000_usize,
        Just(usize::MAX)
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..4_usize).prop_map(Action::Poll),
        1 => (0..4_usize).prop_map(Action::Copy),
        1 => (0..4_usize).prop_map(Action::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_of_polls_copies_and_drops_is_faithful(
        script in script(),
        limit in limit(),
        actions in prop::collection::vec(action(), 0..60),
    ) {
        let reference = Reference::of(&script);
        let fails = script.steps.iter().any(|step| matches!(step, Step::Fail));
        let mut readers = vec![Reader::new(ReplayBody::new(script, limit))];
        let finish = |reader: &mut Reader| {
            while reader.end.is_none() {
                reader.poll();
            }
        };
        for action in actions {
            if readers.is_empty() {
                break;
            }
            let count = readers.len();
            match action {
                Action::Poll(index) => readers[index % count].poll(),
                Action::Copy(index) => {
                    if let Some(copy) = readers[index % count].body.try_clone() {
                        prop_assert!(copy.is_end_stream() || limit > 0);
                        readers.push(Reader::new(copy));
                    }
                }
                Action::Drop(index) => drop(readers.swap_remove(index % count)),
            }
            for reader in &readers {
                prop_assert!(reference.starts_with(&reader.read));
                let rest = (reference.data.len() - reader.read.data.len()) as u64;
                let hint = reader.body.size_hint();
                match &reader.end {
                    Some(_) => {
                        prop_assert_eq!(hint.exact(), Some(0));
                        prop_assert!(reader.body.is_end_stream());
                    }
                    None => {
                        prop_assert!(hint.lower() <= rest);
                        prop_assert!(hint.upper().is_none_or(|upper| upper >= rest));
                    }
                }
                if reader.end.is_none() && reader.body.is_end_stream() {
                    prop_assert_eq!(&reader.read, &reference, "ended too soon");
                }
            }
        }
        // The latest to begin reads on to the end of the body, and every copy knows why if not.
        for reader in &mut readers {
            finish(reader);
            match reader.end.as_ref().unwrap() {
                Ok(()) => {
                    prop_assert!(!fails);
                    prop_assert_eq!(&reader.read, &reference);
                }
                Err(error) if error.is::<SourceError>() => {
                    prop_assert!(fails);
                    prop_assert_eq!(&reader.read, &reference);
                    prop_assert!(std::error::Error::source(&**error).unwrap().is::<Broken>());
                }
                Err(error) if error.is::<LimitExceeded>() => {
                    prop_assert_eq!(&reader.read, &Reference::default(), "cut off in the middle");
                    prop_assert!(reference.data.len() + 16 * reference.trailers.len() > limit);
                }
                Err(error) => prop_assert!(error.is::<Superseded>(), "{error}"),
            }
        }
    }

    #[test]
    fn a_retry_loop_sends_the_same_body_until_it_cannot(
        script in script(),
        limit in limit(),
        cuts in prop::collection::vec(prop::option::of(0..12_usize), 1..5),
        held in any::<bool>(),
    ) {
        let reference = Reference::of(&script);
        let fails = script.steps.iter().any(|step| matches!(step, Step::Fail));
        let exact = script.exact && !fails;
        let size = reference.data.len() + reference.trailers.iter().flat_map(|(_, map)| map)
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>();
        let mut body = ReplayBody::new(script, limit);
        let mut earlier = Vec::new();
        let mut kept = body.try_clone();
        let attempts = cuts.len();
        for (index, cut) in cuts.into_iter().enumerate() {
            if index + 1 == attempts {
                kept = None;
            }
            if exact {
                prop_assert_eq!(body.size_hint().exact(), Some(reference.data.len() as u64));
            }
            let mut reader = Reader::new(body);
            match cut {
                Some(polls) => (0..polls).for_each(|_| reader.poll()),
                None => while reader.end.is_none() {
                    reader.poll();
                    if exact && reader.end.is_none() {
                        let rest = reference.data.len() - reader.read.data.len();
                        prop_assert_eq!(reader.body.size_hint().exact(), Some(rest as u64));
                    }
                },
            }
            prop_assert!(reference.starts_with(&reader.read));
            match &reader.end {
                None => {}
                Some(Ok(())) => prop_assert_eq!(&reader.read, &reference),
                // The attempt that is under way is never disturbed.
                Some(Err(error)) => prop_assert!(fails && error.is::<SourceError>(), "{}", error),
            }
            // Connections of earlier attempts wake up at any time.
            for reader in &mut earlier {
                Reader::poll(reader);
            }
            // A body that fits and does not fail can always be sent again.
            let again = kept.as_ref().and_then(TryClone::try_clone);
            if index + 1 < attempts && size <= limit && limit > 0 && !fails {
                prop_assert!(again.is_some());
            }
            if held {
                earlier.push(reader);
            }
            match again {
                Some(again) => body = again,
                None => break,
            }
        }
    }
}
