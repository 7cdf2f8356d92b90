//! What a retry loop, a server and a caller see of a replayed body. Where a peer got it wrong, the
//! test names the behaviour and the comment the peer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, ServiceExt, service_fn};
use tower_steady_core::{BoxError, TryClone};
use tower_steady_replay_body::{LimitExceeded, ReplayBody, ReplayLayer, SourceError, Superseded};

type Fed = ReplayBody<Channel<Bytes, BoxError>>;

/// A body fed by hand.
fn fed(limit: usize) -> (Sender<Bytes, BoxError>, Fed) {
    let (sender, body) = Channel::new(16);
    (sender, ReplayBody::new(body, limit))
}

async fn text(body: impl Body<Data = Bytes, Error = BoxError>) -> Result<String, BoxError> {
    let bytes = body.collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

async fn next<B>(body: &mut ReplayBody<B>) -> Option<Result<Bytes, BoxError>>
where
    ReplayBody<B>: Body<Data = Bytes, Error = BoxError>,
{
    let frame = body.frame().await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

/// octocrab#842: the retry of a streamed request sent an empty body.
#[tokio::test]
async fn the_second_attempt_is_not_empty_even_if_the_first_was_never_read() {
    for read_first in [false, true] {
        let chunks =
            ["one ", "two ", "three"].map(|c| Ok::<_, BoxError>(Frame::data(Bytes::from(c))));
        let body = ReplayBody::new(StreamBody::new(futures_util::stream::iter(chunks)), 100);
        let kept = body.try_clone().unwrap();
        if read_first {
            assert_eq!(text(body).await.unwrap(), "one two three");
        } else {
            drop(body);
        }
        let again = kept.try_clone().unwrap();
        assert_eq!(text(again).await.unwrap(), "one two three");
        // The kept one itself as the last.
        assert_eq!(text(kept).await.unwrap(), "one two three");
    }
}

/// reqwest-retry refuses a streamed body before it sends anything (reqwest-middleware#44).
#[tokio::test]
async fn a_body_that_cannot_be_replayed_is_sent_all_the_same() {
    for limit in [0, 5] {
        let (mut sender, body) = fed(limit);
        let kept = body.try_clone();
        assert_eq!(kept.is_some(), limit > 0);
        let writer = async {
            for chunk in ["123", "456", "789"] {
                sender.send_data(chunk.into()).await.unwrap();
            }
            drop(sender);
        };
        let (sent, ()) = tokio::join!(text(body), writer);
        assert_eq!(sent.unwrap(), "123456789");
        if let Some(kept) = kept {
            assert!(kept.try_clone().is_none());
            let error = text(kept).await.unwrap_err();
            assert_eq!(error.downcast_ref::<LimitExceeded>().unwrap().limit(), 5);
        }
    }
}

#[tokio::test]
async fn exactly_the_limit_can_be_sent_again_and_one_byte_more_cannot() {
    for (limit, replayable) in [(8, false), (9, true), (10, true)] {
        let (mut sender, body) = fed(limit);
        let kept = body.try_clone().unwrap();
        for chunk in ["123", "456", "789"] {
            sender.send_data(chunk.into()).await.unwrap();
        }
        drop(sender);
        assert_eq!(text(body).await.unwrap(), "123456789");
        assert_eq!(kept.try_clone().is_some(), replayable, "limit {limit}");
    }
}

/// Known too long from the start: not a byte is kept, and the retry layer knows before it sends.
#[tokio::test]
async fn a_size_hint_over_the_limit_is_believed() {
    let body = ReplayBody::new(Full::new(Bytes::from_static(b"123456789")), 8);
    assert!(body.try_clone().is_none());
    assert_eq!(body.size_hint().exact(), Some(9));
    assert_eq!(text(body).await.unwrap(), "123456789");
}

/// "Streams through with no added latency": each chunk is there when the source has it.
#[tokio::test]
async fn the_first_attempt_gets_every_chunk_as_it_comes() {
    let (mut sender, mut body) = fed(100);
    let _kept = body.try_clone();
    let mut reader = spawn(async move {
        for expected in ["a", "b"] {
            assert_eq!(next(&mut body).await.unwrap().unwrap(), expected);
        }
        assert!(next(&mut body).await.is_none());
    });
    assert_pending!(reader.poll());
    sender.send_data("a".into()).await.unwrap();
    assert!(reader.is_woken());
    assert_pending!(reader.poll());
    sender.send_data("b".into()).await.unwrap();
    assert!(reader.is_woken());
    assert_pending!(reader.poll());
    drop(sender);
    assert!(reader.is_woken());
    assert_ready!(reader.poll());
}

/// The provider answers 503 before it has read the request, and its connection still holds the first
/// copy (linkerd does not retry this; a plain buffer would replay half of the body).
#[tokio::test]
async fn an_answer_before_the_body_was_read_can_be_retried_and_nobody_is_left_asleep() {
    let (mut sender, mut first) = fed(100);
    let kept = first.try_clone().unwrap();
    sender.send_data("one ".into()).await.unwrap();
    let mut connection = spawn(async move {
        assert_eq!(next(&mut first).await.unwrap().unwrap(), "one ");
        let error = next(&mut first).await.unwrap().unwrap_err();
        assert!(error.is::<Superseded>());
        assert!(first.is_end_stream() && next(&mut first).await.is_none());
    });
    assert_pending!(connection.poll());

    let mut second = spawn(text(kept.try_clone().unwrap()));
    assert_pending!(second.poll());
    assert!(
        connection.is_woken(),
        "the earlier connection waits forever"
    );
    assert_ready!(connection.poll());
    // Its last poll has not taken the wake-up away from the second attempt.
    sender.send_data("two".into()).await.unwrap();
    assert!(second.is_woken());
    assert_pending!(second.poll());
    drop(sender);
    assert_eq!(assert_ready!(second.poll()).unwrap(), "one two");
}

/// A connection that gets round to its copy only after the next attempt has begun.
#[tokio::test]
async fn an_earlier_attempt_that_was_never_read_cannot_take_the_body_back() {
    let (mut sender, mut first) = fed(100);
    let kept = first.try_clone().unwrap();
    let mut second = kept.try_clone().unwrap();
    drop(kept);
    sender.send_data("one".into()).await.unwrap();
    drop(sender);
    assert_eq!(next(&mut second).await.unwrap().unwrap(), "one");
    assert!(
        next(&mut first)
            .await
            .unwrap()
            .unwrap_err()
            .is::<Superseded>()
    );
    assert!(next(&mut second).await.is_none());
}

/// As many copies as one likes, made at once, read one after the other.
#[tokio::test]
async fn copies_made_in_advance_can_be_read_in_any_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let body = ReplayBody::new(Full::new(Bytes::from("same")), 100);
        let (second, third) = (body.try_clone(), body.try_clone());
        let mut copies = [Some(body), second, third];
        for index in order {
            let copy = copies[index].take().unwrap();
            assert_eq!(text(copy).await.unwrap(), "same", "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_retry_in_the_middle_replays_what_was_read_and_goes_on_with_the_rest() {
    let (mut sender, mut first) = fed(100);
    let kept = first.try_clone().unwrap();
    for chunk in ["one ", "two "] {
        sender.send_data(chunk.into()).await.unwrap();
        next(&mut first).await.unwrap().unwrap();
    }
    // The connection breaks here.
    drop(first);
    let second = kept.try_clone().unwrap();
    sender.send_data("three".into()).await.unwrap();
    drop(sender);
    assert_eq!(text(second).await.unwrap(), "one two three");
    assert_eq!(text(kept).await.unwrap(), "one two three");
}

#[tokio::test]
async fn trailers_are_sent_again() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "abc".parse().unwrap());
    let source = Full::new(Bytes::from("data")).with_trailers({
        let trailers = trailers.clone();
        async move { Some(Ok(trailers)) }
    });
    let body = ReplayBody::new(source, 100);
    let mut copies = vec![body.try_clone().unwrap(), body.try_clone().unwrap()];
    copies.insert(0, body);
    for copy in copies {
        let collected = copy.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "data");
    }
}

/// A content-length that a retry cannot know, or gets wrong, turns the request into a chunked one or
/// into an error of the client's own making.
#[tokio::test]
async fn hint_and_end_of_every_copy_are_exact_at_every_step() {
    let mut first = ReplayBody::new(Full::new(Bytes::from("12345")), 100);
    let mut second = first.try_clone().unwrap();
    for body in [&mut first, &mut second] {
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream());
        next(body).await.unwrap().unwrap();
        assert_eq!(body.size_hint().exact(), Some(0));
        // Known without another poll, as hyper does not make one.
        assert!(body.is_end_stream());
    }
}

#[tokio::test]
async fn a_request_without_a_body_stays_one() {
    let body = ReplayBody::new(Empty::<Bytes>::new(), 0);
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    let copy = body.try_clone().expect("nothing to replay");
    assert!(copy.is_end_stream());
    assert_eq!(text(copy).await.unwrap(), "");
}

/// A retry after the caller's own stream broke off would fail in the same way, provider and budget
/// charged for nothing.
#[tokio::test]
async fn a_broken_source_is_not_sent_again_and_copies_break_off_in_the_same_way() {
    let (mut sender, mut first) = fed(100);
    let kept = first.try_clone().unwrap();
    sender.send_data("one".into()).await.unwrap();
    sender.abort("disk full".into());
    for body in [&mut first, &mut { kept }] {
        assert_eq!(next(body).await.unwrap().unwrap(), "one");
        let error = next(body).await.unwrap().unwrap_err();
        assert!(error.is::<SourceError>());
        assert_eq!(error.source().unwrap().to_string(), "disk full");
        assert!(body.is_end_stream() && next(body).await.is_none());
        assert!(body.try_clone().is_none());
    }
}

/// Memory that a chunk is made of; its count says how many chunks there still are.
struct Memory(Arc<[u8; 4096]>);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        &*self.0
    }
}

#[tokio::test]
async fn nothing_is_kept_that_no_attempt_can_need_again() {
    let memory = Arc::new([7; 4096]);
    let live = || Arc::strong_count(&memory) - 1;
    let three_chunks = || {
        let chunk = || Frame::data(Bytes::from_owner(Memory(Arc::clone(&memory))));
        let chunks = [chunk(), chunk(), chunk()].map(Ok::<_, Infallible>);
        ReplayBody::new(StreamBody::new(futures_util::stream::iter(chunks)), 1 << 20)
    };

    // No copy: nothing, from the start.
    let mut body = three_chunks();
    assert_eq!(live(), 3);
    drop(next(&mut body).await);
    assert_eq!(live(), 2);
    assert!(body.try_clone().is_none());
    drop(body);

    // The copy goes while the first attempt runs: what was kept goes with it.
    let mut body = three_chunks();
    let kept = body.try_clone().unwrap();
    drop(next(&mut body).await);
    assert_eq!(live(), 3, "not kept");
    drop(kept);
    assert_eq!(live(), 2);
    drop(next(&mut body).await);
    assert_eq!(live(), 1);
    drop(body);

    // The last attempt gives back what it has replayed.
    let mut body = three_chunks();
    let mut last = body.try_clone().unwrap();
    while next(&mut body).await.is_some() {}
    drop(body);
    for left in [2, 1, 0] {
        drop(next(&mut last).await);
        assert_eq!(live(), left);
    }
    assert!(next(&mut last).await.is_none());

    // Over the limit: everything, at once.
    let mut small = ReplayBody::new(three_chunks(), 5000);
    let kept = small.try_clone().unwrap();
    drop(next(&mut small).await);
    assert_eq!(live(), 3);
    drop(next(&mut small).await);
    assert_eq!(live(), 1);
    drop(kept);
}

/// A source whose chunks are not `Bytes`, in parts.
struct Parts(usize);

impl Body for Parts {
    type Data = bytes::buf::Chain<Bytes, Bytes>;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        let data = Bytes::from_static(b"ab").chain(Bytes::from_static(b"cd"));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(4 * self.0 as u64)
    }
}

#[tokio::test]
async fn data_in_parts_arrives_whole() {
    let mut body = ReplayBody::new(Parts(2), 100);
    let kept = body.try_clone().unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "abcd");
    assert_eq!(body.size_hint().exact(), Some(4));
    assert_eq!(text(kept).await.unwrap(), "abcdabcd");
}

/// An endless body of empty chunks, or of one-byte chunks, must not cost many times the limit.
#[tokio::test]
async fn tiny_chunks_cost_no_more_than_they_hold() {
    let sizes = (0..50_000).map(|n| usize::from(n % 5 == 0));
    let chunks = sizes.map(|size| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; size]))));
    let body = ReplayBody::new(StreamBody::new(futures_util::stream::iter(chunks)), 10_000);
    let mut kept = body.try_clone().unwrap();
    assert_eq!(text(body).await.unwrap().len(), 10_000);
    let mut chunks = 0;
    let mut size = 0;
    while let Some(data) = next(&mut kept).await {
        chunks += 1;
        size += data.unwrap().len();
    }
    assert_eq!(size, 10_000);
    assert!(chunks <= 2, "{chunks} chunks");
}

/// Copies may be made, read and dropped while the source wakes from another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_break_off_anywhere_never_lose_a_wake_up() {
    for round in 0..200_usize {
        let (mut sender, mut body) = fed(1 << 20);
        let writer = tokio::spawn(async move {
            for n in 0..20_u8 {
                sender.send_data(Bytes::from(vec![n; 600])).await.unwrap();
                if usize::from(n) % 3 == round % 3 {
                    tokio::task::yield_now().await;
                }
            }
        });
        let kept = body.try_clone().unwrap();
        for attempt in 0..4 {
            let connection = tokio::spawn(async move {
                for _ in 0..(round * 7 + attempt * 5) % 22 {
                    if !matches!(next(&mut body).await, Some(Ok(_))) {
                        break;
                    }
                }
                // Held, as by a connection that has not noticed yet.
                next(&mut body).await.map(|_| ())
            });
            if attempt % 2 == 0 {
                let _ = connection.await;
            }
            body = kept.try_clone().unwrap();
        }
        drop(kept);
        let all = body.collect().await.unwrap().to_bytes();
        let expected: Vec<u8> = (0..20).flat_map(|n| [n; 600]).collect();
        assert_eq!(all, expected, "round {round}");
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn the_layer_wraps_every_body_within_its_limit() {
    assert_eq!(ReplayLayer::new().limit(), 2 * 1024 * 1024);
    for (layer, size, replayable) in [
        (ReplayLayer::new(), 2 * 1024 * 1024, true),
        (ReplayLayer::default(), 2 * 1024 * 1024 + 1, false),
        (ReplayLayer::with_limit(3), 3, true),
        (ReplayLayer::with_limit(0), 1, false),
        (ReplayLayer::with_limit(0), 0, true),
        (ReplayLayer::with_limit(usize::MAX), 5_000_000, true),
    ] {
        let service = layer.layer(service_fn(
            |request: Request<ReplayBody<Full<Bytes>>>| async move {
                let copy = request.body().try_clone().is_some();
                let size = request
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
                    .to_bytes()
                    .len();
                Ok::<_, Infallible>(Response::new((copy, size)))
            },
        ));
        let body = Full::new(Bytes::from(vec![0; size]));
        let response = service.oneshot(Request::new(body)).await.unwrap();
        assert_eq!(response.into_body(), (replayable, size));
    }
}

#[tokio::test]
async fn layers_may_be_nested() {
    let body = ReplayBody::new(ReplayBody::new(Full::new(Bytes::from("twice")), 100), 50);
    let kept = body.try_clone().unwrap();
    assert_eq!(text(body).await.unwrap(), "twice");
    assert_eq!(text(kept).await.unwrap(), "twice");
}
