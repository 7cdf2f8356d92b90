//! The timers of an attempt, over its body.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::{BoxError, Class, Failure, Outcome, StreamOutcome};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer, ResponseBody, Timer};

use super::{limits, request, secs, timer};

/// A response whose body is fed by the returned sender.
async fn stream(
    layer: AttemptTimeoutLayer,
    deadline: Option<u64>,
    head: impl FnOnce(&mut Response<()>) + Send + 'static,
) -> (
    ResponseBody<Channel<Bytes, BoxError>>,
    Sender<Bytes, BoxError>,
) {
    let (sender, body) = Channel::new(16);
    let mut response = Response::new(());
    head(&mut response);
    let response = Arc::new(Mutex::new(Some(response.map(|()| body))));
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let response = response.lock().unwrap().take().unwrap();
        async { Ok::<_, BoxError>(response) }
    }));
    let response = service.oneshot(request(deadline)).await.unwrap();
    (response.into_body(), sender)
}

fn sse(response: &mut Response<()>) {
    let value = "text/event-stream; charset=utf-8".parse().unwrap();
    response.headers_mut().insert(CONTENT_TYPE, value);
}

/// Feeds `chunks`, one every second, while the body is read; how that ends, and after how long.
async fn feed<const N: usize>(
    (mut body, mut sender): (
        ResponseBody<Channel<Bytes, BoxError>>,
        Sender<Bytes, BoxError>,
    ),
    chunks: [&'static str; N],
) -> (Result<String, Timer>, Duration) {
    let start = Instant::now();
    let read = async {
        let mut all = String::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => all.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                Err(error) => {
                    assert!(body.is_end_stream() && body.frame().await.is_none());
                    return Err(timer(&error));
                }
            }
        }
        Ok(all)
    };
    let write = async {
        for chunk in chunks {
            sleep(secs(1)).await;
            if sender.send_data(Bytes::from(chunk)).await.is_err() {
                return;
            }
        }
        pending::<()>().await;
    };
    tokio::select! {
        result = read => (result, start.elapsed()),
        () = write => unreachable!(),
    }
}

const OUTPUT: &str = "data: {\"text\": \"a\"}\n\n";

const COMMENT: &str = ": keep-alive\n\n";

const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

#[tokio::test(start_paused = true)]
async fn keep_alives_are_no_output() {
    let idle = |limit| limits().idle(secs(limit)).build().unwrap();
    let first = |limit| limits().first_output(secs(limit)).build().unwrap();

    // Ten keep-alives, one a second, do not help a stream that pauses for five.
    let chunks = [OUTPUT, COMMENT, PING, COMMENT, PING, COMMENT, PING, COMMENT];
    let end = feed(stream(idle(5), None, sse).await, chunks).await;
    assert_eq!(end, (Err(Timer::Idle), secs(6)));
    // The same bytes in another type of body are no keep-alives.
    let end = feed(stream(idle(5), None, |_| ()).await, chunks).await;
    assert_eq!(end, (Err(Timer::Idle), secs(13)));
    // What cannot be read is no keep-alive either.
    let gzip = |response: &mut Response<()>| {
        sse(response);
        let value = "gzip".parse().unwrap();
        response.headers_mut().insert(CONTENT_ENCODING, value);
    };
    let end = feed(stream(idle(5), None, gzip).await, chunks).await;
    assert_eq!(end, (Err(Timer::Idle), secs(13)));

    let chunks = [COMMENT, PING, COMMENT, PING, COMMENT, OUTPUT, OUTPUT];
    let end = feed(stream(first(4), None, sse).await, chunks).await;
    assert_eq!(end, (Err(Timer::FirstOutput), secs(4)));
    // Enough time for the first output, and then no limit but the idle one.
    let layer = limits().first_output(secs(7)).idle(secs(3)).build();
    let end = feed(stream(layer.unwrap(), None, sse).await, chunks).await;
    assert_eq!(end, (Err(Timer::Idle), secs(10)));
}

#[tokio::test(start_paused = true)]
async fn output_cut_into_pieces_is_still_output() {
    let layer = limits().idle(secs(3)).build().unwrap();
    let chunks = [
        "da",
        "ta: x\n",
        ":",
        " y\n",
        "\n",
        "event: pi",
        "ng\nda",
        "ta: {}",
        "\n\n",
    ];
    let end = feed(stream(layer, None, sse).await, chunks).await;
    // "da" at 1 s is output; what follows belongs to that line, to a comment or to a ping.
    assert_eq!(end, (Err(Timer::Idle), secs(4)));
}

#[tokio::test(start_paused = true)]
async fn the_time_to_first_output_runs_on_over_head_and_body() {
    let layer = limits().first_output(secs(10)).build().unwrap();
    let (sender, body) = Channel::<Bytes, BoxError>::new(1);
    let body = Arc::new(Mutex::new(Some(body)));
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let body = body.lock().unwrap().take().unwrap();
        async {
            sleep(secs(6)).await;
            Ok::<_, BoxError>(Response::new(body))
        }
    }));
    let start = Instant::now();
    let response = service.oneshot(Request::new(())).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(
        (timer(&error), start.elapsed()),
        (Timer::FirstOutput, secs(10))
    );
    assert_eq!(error_text(&error), "no output within 10s");
    drop(sender);
}

fn error_text(error: &BoxError) -> String {
    std::error::Error::source(&**error).unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn the_stream_note_says_when_output_begins_and_is_told_of_a_timeout() {
    // Events without content, as `response.created`: only classify knows that they are no output.
    let note = StreamOutcome::new();
    let noted = |note: &StreamOutcome| {
        let note = note.clone();
        move |response: &mut Response<()>| {
            sse(response);
            response.extensions_mut().insert(note);
        }
    };
    let layer = limits()
        .first_output(secs(4))
        .idle(secs(2))
        .build()
        .unwrap();
    let events = [OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT];
    let end = feed(stream(layer, None, noted(&note)).await, events).await;
    assert_eq!(end, (Err(Timer::FirstOutput), secs(4)));
    let verdict = note.verdict().expect("told");
    assert_eq!(verdict.class, Class::Timeout);
    assert_eq!(verdict.rule, Some("timer_first_output"));

    // Output had begun before the head was let go: at once the idle timer alone.
    let note = StreamOutcome::new();
    note.begin_output();
    let end = feed(stream(layer, None, noted(&note)).await, [OUTPUT, OUTPUT]).await;
    assert_eq!(end, (Err(Timer::Idle), secs(4)));
    assert_eq!(note.verdict().unwrap().rule, Some("timer_idle"));

    // It begins while the body is read.
    let note = StreamOutcome::new();
    let body = stream(layer, None, noted(&note)).await;
    tokio::spawn({
        let note = note.clone();
        async move {
            sleep(Duration::from_millis(3500)).await;
            note.begin_output();
        }
    });
    let end = feed(body, [OUTPUT, OUTPUT, OUTPUT, OUTPUT, OUTPUT]).await;
    assert_eq!(end, (Err(Timer::Idle), secs(7)));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_has_fallen_stays_and_a_complete_stream_just_ends() {
    let layer = limits().idle(secs(2)).build().unwrap();
    for (class, expected) in [
        (Class::Success, Ok(OUTPUT.to_owned())),
        (Class::Overloaded, Err(Timer::Idle)),
    ] {
        let note = StreamOutcome::new();
        note.begin_output();
        note.finish(Outcome::new(class));
        let head = {
            let note = note.clone();
            move |response: &mut Response<()>| {
                sse(response);
                response.extensions_mut().insert(note);
            }
        };
        let end = feed(stream(layer, None, head).await, [OUTPUT]).await;
        assert_eq!(end, (expected, secs(3)));
        assert_eq!(note.verdict().unwrap().class, class);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_the_body_unless_that_is_switched_off() {
    let chunks = [OUTPUT; 8];
    let layer = limits().idle(secs(3)).build().unwrap();
    let end = feed(stream(layer, Some(5), sse).await, chunks).await;
    assert_eq!(end.0, Err(Timer::Deadline));
    assert_eq!(end.1, secs(5));
    // No limit at all but the deadline.
    let end = feed(
        stream(limits().build().unwrap(), Some(5), sse).await,
        chunks,
    )
    .await;
    assert_eq!(end, (Err(Timer::Deadline), secs(5)));
    let layer = limits().idle(secs(3)).deadline_in_body(false);
    let end = feed(stream(layer.build().unwrap(), Some(5), sse).await, chunks).await;
    assert_eq!(end, (Err(Timer::Idle), secs(11)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_taken_for_a_slow_provider() {
    let layer = limits()
        .first_output(secs(5))
        .idle(secs(2))
        .build()
        .unwrap();
    let (mut body, mut sender) = stream(layer, None, sse).await;
    for _ in 0..3 {
        sender.send_data(Bytes::from(OUTPUT)).await.unwrap();
    }
    for _ in 0..3 {
        sleep(secs(60)).await;
        body.frame().await.unwrap().unwrap();
    }
    let start = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!((timer(&error), start.elapsed()), (Timer::Idle, secs(2)));
}

/// Always ready, never output: the timers must be looked at although nothing is ever awaited.
/// Keep-alives are no output, and still what came while nobody looked is no silence of the provider's.
#[tokio::test(start_paused = true)]
async fn a_reader_that_stays_away_after_a_keep_alive_finds_what_has_come_behind_it() {
    const PING: &str = ": ping\n\n";
    for behind in [&[PING, OUTPUT][..], &[PING, PING, OUTPUT], &[OUTPUT]] {
        let layer = limits().idle(secs(2)).build().unwrap();
        let (mut body, mut sender) = stream(layer, None, sse).await;
        sender.send_data(Bytes::from(PING)).await.unwrap();
        body.frame().await.unwrap().unwrap();
        for piece in behind {
            sender.send_data(Bytes::from(*piece)).await.unwrap();
        }
        sleep(secs(60)).await;
        for piece in behind {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), *piece);
        }
    }

    // Nothing has come: it is waited for from now on.
    let layer = limits().idle(secs(2)).build().unwrap();
    let (mut body, mut sender) = stream(layer, None, sse).await;
    sender.send_data(Bytes::from(PING)).await.unwrap();
    body.frame().await.unwrap().unwrap();
    sleep(secs(60)).await;
    let start = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!((timer(&error), start.elapsed()), (Timer::Idle, secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_keep_alives_does_not_hold_off_the_timers() {
    struct Flood;
    impl Body for Flood {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))))
        }
    }
    for layer in [limits().first_output(secs(5)), limits().idle(secs(5))] {
        let service = layer
            .build()
            .unwrap()
            .layer(service_fn(|_: Request<()>| async {
                let mut response = Response::new(());
                sse(&mut response);
                Ok::<_, BoxError>(response.map(|()| Flood))
            }));
        let mut body = service.oneshot(Request::new(())).await.unwrap().into_body();
        for _ in 0..5 {
            body.frame().await.unwrap().unwrap();
            tokio::time::advance(secs(1)).await;
        }
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(matches!(timer(&error), Timer::FirstOutput | Timer::Idle));
    }
}

/// Eats its task's whole cooperative budget in every poll, so that tokio's timer, polled after it,
/// never gets a turn. tokio's own `timeout` guards against the same.
#[tokio::test(start_paused = true)]
async fn a_call_that_uses_up_the_cooperative_budget_is_timed_all_the_same() {
    let layer = limits().headers(secs(4)).build().unwrap();
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::builder().timeout(secs(9)).build().unwrap())
        .layer(layer)
        .service(service_fn(|_: Request<()>| {
            std::future::poll_fn(|cx| {
                while tokio::task::coop::has_budget_remaining() {
                    ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
                }
                cx.waker().wake_by_ref();
                Poll::Pending::<Result<Response<String>, BoxError>>
            })
        }));
    let call = tokio::spawn(service.oneshot(Request::new(())));
    for _ in 0..5 {
        tokio::task::yield_now().await;
        tokio::time::advance(secs(1)).await;
    }
    tokio::task::yield_now().await;
    assert!(call.is_finished());
    assert_eq!(timer(&call.await.unwrap().unwrap_err()), Timer::Headers);
}

#[tokio::test(start_paused = true)]
async fn trailers_hints_and_errors_pass_as_they_are() {
    let layer = AttemptTimeoutLayer::new();
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        http::HeaderValue::from_static("0"),
    )]);
    let expected = trailers.clone();
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let trailers = trailers.clone();
        async {
            let body = Full::new(Bytes::from("hello"));
            Ok::<_, BoxError>(Response::new(
                body.with_trailers(async { Some(Ok(trailers)) }),
            ))
        }
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.body().size_hint().lower(), 5);
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&expected));
    assert_eq!(collected.to_bytes(), "hello");

    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("hello"))))
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(
        response.body().size_hint().exact(),
        SizeHint::with_exact(5).exact()
    );
    assert!(!response.body().is_end_stream());
    let mut body = response.into_body();
    body.frame().await;
    assert!(body.is_end_stream());

    let (mut body, sender) = stream(layer, None, sse).await;
    sender.abort("cut off".into());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "cut off");
    assert!(Failure::find(&*error).is_none());
}
