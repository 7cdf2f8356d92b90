//! What a request pays for the chance to be sent again.

use std::pin::Pin;
use std::task::{Context, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use http_body::Body;
use http_body_util::{Empty, Full};
use tower_steady_core::TryClone;
use tower_steady_replay_body::ReplayBody;

fn read<B>(mut body: ReplayBody<B>)
where
    ReplayBody<B>: Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    while !body.is_end_stream() {
        let _ = Pin::new(&mut body).poll_frame(&mut cx);
    }
}

#[test]
fn a_request_without_a_body_allocates_nothing() {
    let info = measure(|| {
        let body = ReplayBody::new(Empty::<Bytes>::new(), 1024);
        let kept = body.try_clone();
        read(body);
        drop(kept);
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_body_allocates_twice_and_once_more_if_it_is_kept() {
    let chunk = Bytes::from_static(&[7; 1024]);
    let send = |copies: usize| {
        measure(|| {
            let body = ReplayBody::new(Full::new(chunk.clone()), 4096);
            let kept = (copies > 0).then(|| body.try_clone());
            read(body);
            drop(kept);
        })
    };
    // The source, pinned; what is shared; the list of what is kept.
    assert_eq!(send(0).count_total, 2);
    let kept = send(1);
    assert_eq!(kept.count_total, 3);
    assert!(
        kept.bytes_total < 1024,
        "{} bytes: copied",
        kept.bytes_total
    );
    assert_eq!(kept.bytes_current, 0);
}
