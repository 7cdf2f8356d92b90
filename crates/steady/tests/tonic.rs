//! The stack under a tonic client, over real sockets.

mod grpc;

use std::time::Duration;

use bytes::Bytes;
use grpc::Llm;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tower::Layer;
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::replay_body::ReplayLayer;
use tower_steady::tonic::GrpcLayer;
use tower_steady::{Class, Failure, Steady, VetoReason};
use tower_steady_testkit::{Answer, Provider, Script, Server};

fn steady() -> Steady<ReplayLayer> {
    Steady::interactive().with_any_body()
}

fn channel(server: &Server) -> Channel {
    Channel::from_shared(server.url()).unwrap().connect_lazy()
}

async fn ask(server: &Server) -> Result<Response<Bytes>, Status> {
    let channel = GrpcLayer::new(steady()).layer(channel(server));
    Llm(Grpc::new(channel))
        .complete(Request::new("prompt".into()))
        .await
}

fn report(status: &Status) -> (Class, usize) {
    let failure = Failure::find(status).expect("the stack's failure");
    let report = failure.report().expect("with a report");
    (failure.outcome().class, report.sends())
}

#[tokio::test(start_paused = true)]
async fn unavailable_is_asked_again_and_the_message_arrives() {
    let provider = Provider::new([Answer::grpc_error(14, "busy"), Answer::grpc_ok(b"Hello")]);
    let server = provider.serve().await.unwrap();
    assert_eq!(ask(&server).await.unwrap().into_inner(), "Hello");
    let bodies: Vec<_> = provider
        .calls()
        .iter()
        .map(|call| call.body.clone())
        .collect();
    assert_eq!(bodies, [&b"\0\0\0\0\x06prompt"[..]; 2], "replayed whole");
}

#[tokio::test(start_paused = true)]
async fn a_final_trailers_only_error_keeps_code_message_details_metadata_class_and_attempts() {
    let busy = Answer::grpc_error(14, "no%20capacity")
        .header("grpc-status-details-bin", "aGk")
        .header("x-region", "eu");
    let provider = Provider::new(busy);
    let server = provider.serve().await.unwrap();
    let status = ask(&server).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "no capacity")
    );
    assert_eq!(status.details(), b"hi");
    assert_eq!(status.metadata().get("x-region").unwrap(), "eu");
    assert_eq!(report(&status), (Class::Overloaded, 3));
    assert_eq!(provider.received(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_status_in_trailers_without_a_message_is_retried_and_told_the_same_way() {
    let busy = Answer::new(200)
        .header("content-type", "application/grpc")
        .header("x-region", "eu")
        .trailer("grpc-status", "14")
        .trailer("grpc-message", "busy");
    let provider = Provider::new([busy.clone(), Answer::grpc_ok(b"Hello")]);
    let server = provider.serve().await.unwrap();
    assert_eq!(ask(&server).await.unwrap().into_inner(), "Hello");

    provider.play(busy);
    let status = ask(&server).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "busy")
    );
    assert_eq!(status.metadata().get("x-region").unwrap(), "eu");
    assert_eq!(report(&status), (Class::Overloaded, 3));
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_first_message_keeps_code_message_class_and_attempts() {
    let late = Answer::grpc_then(b"Hel", 8, "out%20of%20tokens").trailer("x-region", "eu");
    let hung = Answer::grpc_ok(b"Hel").hang_after(8);
    let torn = Answer::grpc_ok(b"Hel").cut_after(8);
    let idle = Code::DeadlineExceeded;
    let to_head = Duration::from_millis(250);
    for (answer, code, class, message) in [
        (
            late,
            Code::ResourceExhausted,
            Class::RateLimited,
            Some("out of tokens"),
        ),
        (hung, idle, Class::Timeout, None),
        (torn, Code::Unavailable, Class::Transport, None),
    ] {
        // At the first try, and after one that was retried.
        for before in [0, 1] {
            let script = Script::new(vec![Answer::grpc_error(14, "busy"); before]);
            let provider = Provider::new(script.then(answer.clone().delay(to_head)));
            let server = provider.serve().await.unwrap();
            let status = ask(&server).await.unwrap_err();
            assert_eq!(status.code(), code, "{status:?}");
            if let Some(message) = message {
                assert_eq!(status.message(), message);
                assert_eq!(status.metadata().get("x-region").unwrap(), "eu");
            }
            assert_eq!(report(&status), (class, before + 1));
            let failure = Failure::find(&status).unwrap();
            let last = failure.report().unwrap().attempts.last().unwrap();
            assert_eq!(last.class, class, "the head was good, the try was not");
            assert_eq!(last.status.unwrap(), 200);
            assert_eq!(last.elapsed, to_head);
            assert_eq!(
                provider.received(),
                before + 1,
                "a begun answer is not asked for again"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_stream_arrive_before_its_failure() {
    let busy = Answer::grpc_then(b"one", 14, "busy");
    let server = Provider::new(busy).serve().await.unwrap();
    let channel = GrpcLayer::new(steady()).layer(channel(&server));
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(grpc::COMPLETE);
    let prompt = Request::new(Bytes::from("prompt"));
    let answer = client.server_streaming(prompt, path, grpc::Plain).await;
    let mut messages = answer.unwrap().into_inner();
    assert_eq!(messages.message().await.unwrap().unwrap(), "one");
    let status = messages.message().await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "busy")
    );
    assert_eq!(report(&status), (Class::Overloaded, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_final_is_sent_once() {
    for (code, class) in [
        (Code::InvalidArgument, Class::InvalidRequest),
        (Code::Unauthenticated, Class::Auth),
        (Code::PermissionDenied, Class::Permission),
        (Code::NotFound, Class::NotFound),
    ] {
        let answer = Answer::grpc_error(u32::try_from(i32::from(code)).unwrap(), "no");
        let provider = Provider::new(answer);
        let server = provider.serve().await.unwrap();
        let status = ask(&server).await.unwrap_err();
        assert_eq!((status.code(), report(&status)), (code, (class, 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn pushback_in_headers_and_trailers_is_obeyed() {
    let trailers = Answer::new(200).header("content-type", "application/grpc");
    let trailers = trailers.trailer("grpc-status", "14");
    for (busy, name) in [
        (
            Answer::grpc_error(14, "busy").header("grpc-retry-pushback-ms", "7000"),
            "head",
        ),
        (
            trailers.trailer("grpc-retry-pushback-ms", "7000"),
            "trailers",
        ),
    ] {
        let provider = Provider::new([busy, Answer::grpc_ok(b"Hello")]);
        let server = provider.serve().await.unwrap();
        let begun = tokio::time::Instant::now();
        ask(&server).await.unwrap();
        assert!(
            begun.elapsed() >= Duration::from_secs(7),
            "{name}: {:?}",
            begun.elapsed()
        );
    }
    // Negative: do not retry (gRFC A6).
    let never = Answer::grpc_error(14, "busy").header("grpc-retry-pushback-ms", "-1");
    let provider = Provider::new(never);
    let server = provider.serve().await.unwrap();
    ask(&server).await.unwrap_err();
    assert_eq!(provider.received(), 1);
}

#[tokio::test(start_paused = true)]
async fn details_that_are_no_base64_do_not_panic() {
    // tonic 0.14: "Invalid status header, expected base64 encoded value".
    let answer = Answer::grpc_error(3, "no").header("grpc-status-details-bin", "%%%");
    let server = Provider::new(answer).serve().await.unwrap();
    let status = ask(&server).await.unwrap_err();
    assert_eq!(
        (status.code(), status.details()),
        (Code::InvalidArgument, &b""[..])
    );
}

#[tokio::test(start_paused = true)]
async fn errors_without_a_status_get_one() {
    // Nobody listens.
    let server = Provider::new(Answer::grpc_ok(b"")).serve().await.unwrap();
    server.kill().await;
    let status = ask(&server).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(report(&status), (Class::Transport, 3));

    // No answer within the time that the caller gives.
    let server = Provider::new(Answer::hang()).serve().await.unwrap();
    let channel = GrpcLayer::new(steady()).layer(channel(&server));
    let mut request = Request::new(Bytes::from("prompt"));
    request.set_timeout(Duration::from_secs(2));
    let begun = tokio::time::Instant::now();
    let status = Llm(Grpc::new(channel)).complete(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(begun.elapsed().as_secs(), 2);

    // A proxy's error.
    let server = Provider::new(Answer::bad_gateway()).serve().await.unwrap();
    let status = ask(&server).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(report(&status), (Class::ServerError, 3));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_says_so_and_the_circuit_of_another_client_is_its_own() {
    let provider = Provider::new(Answer::grpc_error(14, "busy"));
    let server = provider.serve().await.unwrap();
    let channel = channel(&server);
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .build()
        .unwrap();
    let guarded = GrpcLayer::new(steady().with_breaker(breaker)).layer(channel.clone());
    let mut guarded = Llm(Grpc::new(guarded));
    let mut other = Llm(Grpc::new(GrpcLayer::new(steady()).layer(channel)));

    guarded
        .complete(Request::new("prompt".into()))
        .await
        .unwrap_err();
    let status = guarded
        .complete(Request::new("prompt".into()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let outcome = Failure::find(&status).unwrap().outcome();
    assert_eq!(outcome.class, Class::Rejected);
    assert_eq!(
        outcome.veto.as_ref().unwrap().reason(),
        VetoReason::CircuitOpen
    );
    assert_eq!(provider.received(), 3);

    // The layer was swapped in the one client alone.
    provider.play(Answer::grpc_ok(b"Hello"));
    assert!(other.complete(Request::new("prompt".into())).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_classify_the_code_says_what_happened() {
    for (code, class) in [
        (14, Class::Overloaded),
        (4, Class::Timeout),
        (8, Class::RateLimited),
        (16, Class::Auth),
        (99, Class::Unknown),
    ] {
        let provider = Provider::new(Answer::grpc_error(code, "no"));
        let server = provider.serve().await.unwrap();
        let channel = GrpcLayer::new(tower_steady::Identity::new()).layer(channel(&server));
        let mut client = Llm(Grpc::new(channel));
        let asked = client.complete(Request::new("prompt".into()));
        let status = asked.await.unwrap_err();
        let failure = Failure::find(&status).unwrap();
        assert_eq!(failure.outcome().class, class, "{code}");
    }
}

const _: () = {
    type Service = tower_steady::tonic::Grpc<Channel>;
    static_assertions::assert_impl_all!(Service: Clone, Send, Sync, std::fmt::Debug);
};
