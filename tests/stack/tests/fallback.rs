//! A fallback around the loop: who sends the body when the first provider is done with it, or is not.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_core::BoxError;
use tower_steady_fallback::{Alternative, Degraded, FallbackLayer, Queue, Queued, Tried};
use tower_steady_replay_body::{ReplayBody, ReplayLayer};

type Streamed = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;
type Sent = Request<ReplayBody<Streamed>>;

/// A body that can be read once, in two pieces, with a wait between them.
fn upload() -> Request<Streamed> {
    let pieces = stream::unfold(0, |step| async move {
        if step == 1 {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        let piece = *["once ", "more"].get(step)?;
        Some((Ok(Frame::data(Bytes::from(piece))), step + 1))
    });
    Request::new(Box::pin(StreamBody::new(pieces)))
}

/// A provider that refuses before it has read the request, and whose connections go on reading.
fn early(
    connections: &Arc<Mutex<Vec<ReplayBody<Streamed>>>>,
) -> impl tower::Service<Sent, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ use<> {
    let connections = Arc::clone(connections);
    service_fn(move |request: Sent| {
        let mut body = request.into_body();
        let connections = Arc::clone(&connections);
        async move {
            std::future::poll_fn(|cx: &mut Context<'_>| {
                let _ = Pin::new(&mut body).poll_frame(cx);
                Poll::Ready(())
            })
            .await;
            connections.lock().unwrap().push(body);
            let answer = Response::builder().status(503).body(Full::default());
            Ok::<_, BoxError>(answer?)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn another_provider_gets_the_whole_body_though_the_first_one_still_reads_it() {
    let connections = Arc::default();
    let second = service_fn(|request: Sent| async {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, BoxError>(Response::new(Full::new(body)))
    });
    let service = ServiceBuilder::new()
        .layer(ReplayLayer::new())
        .layer(FallbackLayer::new(
            Alternative::new("second", second).unwrap(),
        ))
        .layer(RetryLayer::new())
        .service(early(&connections));

    let answer = service.oneshot(upload()).await.unwrap();
    assert!(answer.extensions().get::<Degraded>().is_some());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "once more");
    assert_eq!(connections.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_queued_request_can_be_read_though_the_first_provider_still_reads_it() {
    let connections = Arc::default();
    let (sender, mut queue) = tokio::sync::mpsc::channel::<Queued<ReplayBody<Streamed>>>(1);
    let service = ServiceBuilder::new()
        .layer(ReplayLayer::new())
        .layer(FallbackLayer::new(Queue::new(sender)))
        .layer(RetryLayer::new())
        .service(early(&connections));

    assert_eq!(service.oneshot(upload()).await.unwrap().status(), 202);
    let queued = queue.recv().await.unwrap();
    let body = queued.request.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "once more");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_goes_to_no_other_provider_and_the_answer_says_so() {
    let second = service_fn(|_: Sent| async { Err::<Response<Full<Bytes>>, _>("never asked") });
    let second = Alternative::new("second", second.map_err(BoxError::from)).unwrap();
    let first = service_fn(|request: Sent| async {
        assert_eq!(request.into_body().collect().await?.to_bytes(), "once more");
        Ok::<_, BoxError>(Response::builder().status(503).body(Full::default())?)
    });
    let service = ServiceBuilder::new()
        .layer(ReplayLayer::with_limit("once more".len() - 1))
        .layer(FallbackLayer::new(second))
        .layer(RetryLayer::new())
        .service(first);

    let answer = service.oneshot(upload()).await.unwrap();
    assert_eq!(answer.status(), 503);
    let tried: &Tried = answer.extensions().get().unwrap();
    assert_eq!(
        &*tried.sources[0].1,
        "the request body cannot be sent again"
    );
}
