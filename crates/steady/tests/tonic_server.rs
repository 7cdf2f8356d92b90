//! The stack inside a tonic server that calls an LLM, over real sockets: gRPC on the one side, the
//! provider's HTTP on the other.

mod grpc;

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use grpc::{COMPLETE, Llm, Plain};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};
use tower_steady::backoff_jitter::RetryLayer;
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::tonic::{GrpcLayer, status_for};
use tower_steady::{BoxError, Class, Failure, Outcome, Steady};
use tower_steady_testkit::{Answer, Progress, Provider, client};

/// The path of the other method.
const SUMMARIZE: &str = "/llm.v1.Llm/Summarize";

/// A stack in front of the provider.
type Stack = BoxCloneSyncService<http::Request<Full<Bytes>>, http::Response<Bytes>, BoxError>;

/// `stack` around an HTTP client. What it answers with is read to its end.
fn stack<L, S, RB>(layer: &L) -> Stack
where
    L: Layer<HttpClient, Service = S>,
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<RB>, Error = BoxError>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let whole = |answer: http::Response<RB>| async {
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes();
        Ok(http::Response::from_parts(head, body))
    };
    BoxCloneSyncService::new(layer.layer(client()).and_then(whole))
}

type HttpClient = hyper_util::client::legacy::Client<
    hyper_util::client::legacy::connect::HttpConnector,
    Full<Bytes>,
>;

/// As tonic-build writes it, with what the methods do in it: a stack each.
#[derive(Clone)]
struct LlmServer {
    complete: Stack,
    summarize: Stack,
    provider: String,
}

impl LlmServer {
    async fn ask(
        llm: Stack,
        url: String,
        prompt: Request<Bytes>,
    ) -> Result<Response<Bytes>, Status> {
        let (metadata, _, prompt) = prompt.into_parts();
        let mut request = http::Request::post(url).body(Full::new(prompt)).unwrap();
        if let Some(timeout) = metadata.into_headers().remove("grpc-timeout") {
            request.headers_mut().insert("grpc-timeout", timeout);
        }
        let result = llm.oneshot(request).await;
        let outcome = Outcome::read(&result);
        match result {
            Ok(answer) if outcome.class == Class::Success => Ok(Response::new(answer.into_body())),
            _ => Err(status_for(&outcome)),
        }
    }

    /// Serves on loopback, and returns a channel to it.
    async fn serve(self) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // A frame that waits for another's acknowledgement waits while the paused clock runs on.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(
            Server::builder()
                .add_service(self)
                .serve_with_incoming(incoming),
        );
        Channel::from_shared(url).unwrap().connect_lazy()
    }
}

impl NamedService for LlmServer {
    const NAME: &'static str = "llm.v1.Llm";
}

impl Service<http::Request<Body>> for LlmServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let llm = match request.uri().path() {
            COMPLETE => self.complete.clone(),
            _ => self.summarize.clone(),
        };
        let url = self.provider.clone();
        let method = tower::service_fn(move |prompt| Self::ask(llm.clone(), url.clone(), prompt));
        Box::pin(async { Ok(tonic::server::Grpc::new(Plain).unary(method, request).await) })
    }
}

/// A server whose methods have these stacks, in front of a provider.
async fn served(
    provider: &Provider,
    complete: Stack,
    summarize: Stack,
) -> (Channel, tower_steady_testkit::Server) {
    let upstream = provider.serve().await.unwrap();
    let server = LlmServer {
        complete,
        summarize,
        provider: upstream.url(),
    };
    (server.serve().await, upstream)
}

async fn ask(channel: &Channel, path: &'static str) -> Result<Bytes, Status> {
    let mut client = Llm(Grpc::new(channel.clone()));
    let answer = client.unary(Request::new("prompt".into()), path).await?;
    Ok(answer.into_inner())
}

fn breaker(failures: u32) -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder()
        .consecutive_failures(failures)
        .open_for(Duration::from_secs(20))
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_provider_is_retried_and_the_caller_gets_the_answer() {
    let provider = Provider::new([Answer::overloaded(), Answer::reset(), Answer::ok_chat("Hi")]);
    let llm = stack(&Steady::interactive());
    let (channel, _upstream) = served(&provider, llm.clone(), llm).await;
    let answer = ask(&channel, COMPLETE).await.unwrap();
    assert_eq!(answer, Answer::ok_chat("Hi").bytes());
    let prompts: Vec<_> = provider.calls().iter().map(|call| call.text()).collect();
    assert_eq!(prompts, ["prompt"; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_caller_learns_what_kind_of_failure_it_was_and_nothing_of_the_providers_words() {
    for (answer, code, message) in [
        (
            Answer::unavailable(),
            Code::Unavailable,
            "the provider is overloaded",
        ),
        (
            Answer::reset(),
            Code::Unavailable,
            "the connection to the provider failed",
        ),
        (
            Answer::hang(),
            Code::DeadlineExceeded,
            "the provider did not answer in time",
        ),
        (
            Answer::rate_limited(),
            Code::ResourceExhausted,
            "the provider's rate limit is reached",
        ),
        (
            Answer::context_length(),
            Code::InvalidArgument,
            "the prompt is too long",
        ),
        (
            Answer::unauthorized(),
            Code::Internal,
            "the provider's answer failed",
        ),
        (
            Answer::insufficient_quota(),
            Code::Internal,
            "the provider's answer failed",
        ),
    ] {
        let provider = Provider::new(answer.header("x-secret", "sk-1234"));
        let llm = stack(&Steady::interactive());
        let (channel, _upstream) = served(&provider, llm.clone(), llm).await;
        let status = ask(&channel, COMPLETE).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message));
        assert!(!format!("{status:?}").contains("sk-1234"), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_under_the_callers_client_obeys_the_servers_open_circuit() {
    let provider = Provider::new(Answer::ok_chat("Hello"));
    let llm = stack(&Steady::interactive().with_breaker(breaker(3)));
    let (channel, upstream) = served(&provider, llm.clone(), llm).await;

    upstream.kill().await;
    let status = ask(&channel, COMPLETE).await.unwrap_err();
    assert_eq!(status.message(), "the connection to the provider failed");
    let status = ask(&channel, COMPLETE).await.unwrap_err();
    assert_eq!(
        status.message(),
        "the provider is not being called right now"
    );
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    let pushback: u64 = pushback.to_str().unwrap().parse().unwrap();
    assert!((1..=25_000).contains(&pushback), "{pushback}");

    upstream.restart().await.unwrap();
    let patient = GrpcLayer::new(Steady::interactive().with_any_body()).layer(channel);
    let begun = Instant::now();
    let answer = Llm(Grpc::new(patient))
        .complete(Request::new("prompt".into()))
        .await;
    assert_eq!(
        answer.unwrap().into_inner(),
        Answer::ok_chat("Hello").bytes()
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(pushback),
        "not earlier than told"
    );
    assert_eq!(provider.received(), 1, "and not in vain");
}

#[tokio::test(start_paused = true)]
async fn the_callers_timeout_ends_the_call_to_the_provider_too() {
    let provider = Provider::new(Answer::hang());
    let llm = stack(&Steady::interactive());
    let (channel, _upstream) = served(&provider, llm.clone(), llm).await;
    let mut prompt = Request::new(Bytes::from("prompt"));
    prompt.set_timeout(Duration::from_secs(2));
    let begun = Instant::now();
    let status = Llm(Grpc::new(channel)).complete(prompt).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status:?}"
    );
    assert_eq!(begun.elapsed().as_secs(), 2);
    assert_eq!(provider.settled().await[0].progress, Progress::Dropped);
    assert_eq!(provider.received(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_takes_its_call_to_the_provider_along() {
    let provider = Provider::new(Answer::hang());
    let llm = stack(&Steady::interactive());
    let (channel, _upstream) = served(&provider, llm.clone(), llm).await;
    let call = tokio::spawn(async move { ask(&channel, COMPLETE).await });
    provider.wait_for(1).await;
    call.abort();
    assert_eq!(provider.settled().await[0].progress, Progress::Dropped);
    assert_eq!(provider.received(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_layer_swapped_on_one_method_changes_that_method_alone() {
    let once = |shared: Steady| {
        let once = RetryLayer::builder().max_attempts(1).build().unwrap();
        stack(&shared.with_retry(once))
    };
    let hasty = |shared: Steady| stack(&shared.with_breaker(breaker(2)));
    type Swap = fn(Steady) -> Stack;
    let swaps: [(Swap, _); 2] = [(once, [1, 1]), (hasty, [2, 0])];
    for (swap, sends) in swaps {
        let shared = Steady::interactive();
        let provider = Provider::new(Answer::unavailable());
        let (channel, _upstream) = served(&provider, stack(&shared), swap(shared)).await;
        let sent_for = async |path| {
            provider.take_calls();
            ask(&channel, path).await.unwrap_err();
            provider.received()
        };
        for sends in sends {
            assert_eq!(sent_for(COMPLETE).await, 3);
            assert_eq!(sent_for(SUMMARIZE).await, sends);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_speaks_grpc_is_told_apart_by_its_outcome() {
    // Between two servers: what the upstream's status says stays here, what it means goes on.
    let server = Provider::new(Answer::grpc_error(16, "key sk-1234 has expired"));
    let server = server.serve().await.unwrap();
    let channel = Channel::from_shared(server.url()).unwrap().connect_lazy();
    let channel = GrpcLayer::new(Steady::interactive().with_any_body()).layer(channel);
    let asked = Llm(Grpc::new(channel))
        .complete(Request::new("prompt".into()))
        .await;
    let upstream = asked.unwrap_err();
    let failure = Failure::find(&upstream).unwrap();
    assert_eq!(failure.outcome().class, Class::Auth);
    let status = status_for(failure.outcome());
    assert_eq!(status.code(), Code::Internal);
    assert!(!format!("{status:?}").contains("sk-1234"));
}
