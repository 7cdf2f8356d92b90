//! What a preset makes of long answers and of impatient callers: neither says that a provider is down.
#![cfg(feature = "presets")]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};
use tower_steady::{BoxError, Class, Deadline, Outcome, Steady, StreamOutcome, deadline};
use tower_steady_testkit::{Answer, Provider, ProviderService, Sse};

type Req = Request<Full<Bytes>>;

const SECOND: Duration = Duration::from_secs(1);

fn chat() -> Req {
    Request::post("http://provider.test/v1/chat/completions")
        .body(Full::from("{}"))
        .unwrap()
}

/// A healthy stream with a word a second.
fn long(seconds: usize) -> Answer {
    (0..seconds)
        .fold(Sse::openai(), |stream, _| stream.text("word").wait(SECOND))
        .done()
        .into()
}

async fn call<L, B>(layer: &L, provider: &Provider, request: Req) -> Result<Response<B>, BoxError>
where
    L: Layer<ProviderService>,
    L::Service: Service<Req, Response = Response<B>, Error = BoxError>,
{
    layer.layer(provider.service()).oneshot(request).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_alive_goes_on_past_the_deadline() {
    for stack in [Steady::interactive(), Steady::background()] {
        let provider = Provider::new(long(700));
        let start = Instant::now();
        let answer = call(&stack, &provider, chat()).await.unwrap();
        let stream: StreamOutcome = answer.extensions().get().cloned().unwrap();
        answer.into_body().collect().await.unwrap();
        assert_eq!(stream.verdict().unwrap().class, Class::Success);
        assert!(start.elapsed() >= 700 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_to_a_probe_keeps_nobody_waiting() {
    let provider = Provider::new(Answer::new(503));
    let stack = Steady::interactive();
    for _ in 0..10 {
        call(&stack, &provider, chat()).await.ok();
    }
    provider.play(long(60));
    sleep(20 * SECOND).await;
    let probe = call(&stack, &provider, chat()).await.unwrap();
    let next = call(&stack, &provider, chat()).await.unwrap();
    assert_eq!(
        (probe.status(), next.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn callers_in_a_hurry_do_not_open_the_circuit_for_others() {
    let in_header = || {
        let mut request = chat();
        let time = "50m".parse().unwrap();
        request.headers_mut().insert("grpc-timeout", time);
        request
    };
    let in_extension = || {
        let mut request = chat();
        let soon: Deadline = deadline::after(Duration::from_millis(50));
        request.extensions_mut().insert(soon);
        request
    };
    let hurries: [fn() -> Req; 2] = [in_header, in_extension];
    for hurried in hurries {
        let provider = Provider::new(Answer::new(200).delay(SECOND));
        let stack = Steady::interactive();
        for _ in 0..50 {
            let answer = call(&stack, &provider, hurried()).await;
            assert_eq!(Outcome::class_of(&answer), Class::Timeout);
        }
        assert_eq!(provider.received(), 50);
        let patient = call(&stack, &provider, chat()).await.unwrap();
        assert_eq!(patient.status(), 200);
    }
}

/// A deadline that is imposed on all calls is not a caller's whim.
#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_opens_the_circuit_by_the_stacks_own_deadline() {
    let provider = Provider::new(Answer::hang());
    let brief = deadline::DeadlineLayer::builder().timeout(SECOND);
    let stack = Steady::interactive().with_deadline(brief.build().unwrap());
    for _ in 0..10 {
        call(&stack, &provider, chat()).await.unwrap_err();
    }
    let sent = provider.received();
    let refused = call(&stack, &provider, chat()).await.unwrap_err();
    assert_eq!(Outcome::class_of::<()>(&Err(refused)), Class::Rejected);
    assert_eq!(provider.received(), sent);
}
