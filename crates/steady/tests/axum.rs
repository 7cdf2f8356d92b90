//! The stack in an axum application, over real sockets: every error of it becomes a response.

mod serve;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use serve::serve;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady::backoff_jitter::RetryLayer;
use tower_steady::circuit_breaker::CircuitBreakerLayer;
use tower_steady::deadline::DeadlineLayer;
use tower_steady::error_response::{ErrorResponseLayer, OriginalError, error_response};
use tower_steady::{
    BoxError, Class, Failure, Outcome, Report, ServiceBuilderExt, Steady, Veto, VetoReason,
};
use tower_steady_testkit::{Answer, Provider, client};

/// An application with one route: the stack in front of `upstream`.
fn app(stack: Steady<tower_steady::replay_body::ReplayLayer>, upstream: String) -> Router {
    let upstream: Uri = format!("{upstream}/v1/chat/completions").parse().unwrap();
    let route = ServiceBuilder::new()
        .error_response()
        .map_request(move |mut request: Request<Body>| {
            *request.uri_mut() = upstream.clone();
            request
        })
        .layer(stack)
        .service(client());
    Router::new().route_service("/chat", route)
}

async fn ask(url: &str) -> Response<Bytes> {
    let request = Request::post(format!("{url}/chat"));
    let request = request.body(Full::<Bytes>::from("{}")).unwrap();
    let (head, body) = client().request(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn json(response: &Response<Bytes>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

fn steady() -> Steady<tower_steady::replay_body::ReplayLayer> {
    Steady::interactive().with_any_body()
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_provider_pass_through_as_they_are() {
    let provider = Provider::new([Answer::ok_chat("Hello"), Answer::unauthorized()]);
    let server = provider.serve().await.unwrap();
    let url = serve(app(steady(), server.url())).await;

    let answer = ask(&url).await;
    assert_eq!(answer.status(), 200);
    assert!(String::from_utf8_lossy(answer.body()).contains("Hello"));

    let answer = ask(&url).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(*answer.body(), Answer::unauthorized().bytes());
    assert_eq!(provider.received(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_502_and_then_503_with_the_time_that_the_circuit_stays_open() {
    let server = Provider::new(Answer::ok_chat("Hello"))
        .serve()
        .await
        .unwrap();
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .open_for(Duration::from_secs(20))
        .build()
        .unwrap();
    let stack = steady().with_breaker(breaker);
    server.kill().await;
    let upstream: Uri = format!("{}/v1/chat/completions", server.url())
        .parse()
        .unwrap();
    let route = ServiceBuilder::new()
        .layer(ErrorResponseLayer::new())
        .map_request(move |mut request: Request<Body>| {
            *request.uri_mut() = upstream.clone();
            request
        })
        .layer(stack)
        .service(client());
    let url = serve(Router::new().route_service("/chat", route)).await;

    let answer = ask(&url).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let error = &json(&answer)["error"];
    assert_eq!(error["type"], "transport");
    assert_eq!(error["attempts"], 3);

    let answer = ask(&url).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let error = &json(&answer)["error"];
    assert_eq!(
        (&error["type"], &error["reason"]),
        (&json!("rejected"), &json!("circuit_open"))
    );
    let seconds: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let millis = error["retry_after_ms"].as_u64().unwrap();
    assert_eq!(
        seconds,
        millis.div_ceil(1000),
        "rounded up, never a second early"
    );
    assert!((15..=25).contains(&seconds), "20 s with jitter: {seconds}");

    // And back, when the provider is, after as long as it was told.
    server.restart().await.unwrap();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(ask(&url).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_504() {
    let provider = Provider::new(Answer::hang());
    let server = provider.serve().await.unwrap();
    let deadline = DeadlineLayer::builder().timeout(Duration::from_secs(5));
    let stack = steady().with_deadline(deadline.build().unwrap());
    let url = serve(app(stack, server.url())).await;

    let answer = ask(&url).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(json(&answer)["error"]["type"], "timeout");
}

/// How many sends each of these calls, one after the other, comes to.
async fn sends<const N: usize>(url: &str, provider: &Provider, paths: [&str; N]) -> [usize; N] {
    let mut sends = [0; N];
    for (path, sends) in paths.into_iter().zip(&mut sends) {
        provider.take_calls();
        let request = Request::post(format!("{url}{path}"));
        let request = request.body(Full::<Bytes>::from("{}")).unwrap();
        client().request(request).await.unwrap();
        *sends = provider.received();
    }
    sends
}

#[tokio::test(start_paused = true)]
async fn a_layer_swapped_on_one_route_changes_that_route_alone() {
    let once = || RetryLayer::builder().max_attempts(1).build().unwrap();
    let hasty = || {
        let breaker = CircuitBreakerLayer::builder().consecutive_failures(2);
        breaker.build().unwrap()
    };
    // Either swap, and none: sends of a call on each route in turn.
    for (swap, expected) in [
        ("retry", [3, 1, 3, 1]),
        ("breaker", [3, 2, 3, 0]),
        ("none", [3, 3, 3, 1]),
    ] {
        let provider = Provider::new(Answer::unavailable());
        let server = provider.serve().await.unwrap();
        let upstream: Uri = server.url().parse().unwrap();
        let stack = steady();
        let redirect = move |mut request: Request<Body>| {
            *request.uri_mut() = upstream.clone();
            request
        };
        let front = ServiceBuilder::new().error_response().map_request(redirect);
        let one = front.clone().layer(stack.clone()).service(client());
        let app = Router::new().route_service("/one", one);
        let app = match swap {
            "retry" => {
                let stack = stack.with_retry(once());
                app.route_service("/other", front.layer(stack).service(client()))
            }
            "breaker" => {
                let stack = stack.with_breaker(hasty());
                app.route_service("/other", front.layer(stack).service(client()))
            }
            // The tenth failure opens the circuit, which the routes share.
            _ => app.route_service("/other", front.layer(stack).service(client())),
        };
        let url = serve(app).await;
        let paths = ["/one", "/other", "/one", "/other"];
        assert_eq!(sends(&url, &provider, paths).await, expected, "{swap}");
    }
}

#[test]
fn every_outcome_has_its_status() {
    let rejected = |reason| Outcome::rejected(Veto::new(reason));
    let cases = [
        (rejected(VetoReason::CircuitOpen), 503),
        (rejected(VetoReason::Paused), 503),
        (rejected(VetoReason::Budget), 503),
        (rejected(VetoReason::Spend), 503),
        (rejected(VetoReason::NotSent), 503),
        (rejected(VetoReason::Deadline), 504),
        (Outcome::new(Class::Timeout), 504),
        (Outcome::new(Class::Transport), 502),
        (Outcome::new(Class::ServerError), 502),
        (Outcome::new(Class::Auth), 502),
        (Outcome::new(Class::Unknown), 502),
        (Outcome::new(Class::Overloaded), 503),
        (Outcome::new(Class::RateLimited), 429),
        (Outcome::new(Class::InvalidRequest), 500),
    ];
    for (outcome, status) in cases {
        let what = format!("{outcome:?}");
        let answer = error_response(Failure::new(outcome, "a test"));
        assert_eq!(answer.status().as_u16(), status, "{what}");
        assert!(!answer.headers().contains_key("retry-after"), "{what}");
    }
    // What is no failure of ours is one of the connection, as everywhere.
    assert_eq!(error_response("who knows").status(), 502);
}

#[test]
fn the_longer_of_two_waits_is_told_in_whole_seconds() {
    let cases = [
        (Some(1), None, "1"),
        (None, Some(1_000), "1"),
        (Some(1_001), None, "2"),
        (Some(9_000), Some(4_000), "9"),
        (Some(1_000), Some(60_500), "61"),
    ];
    for (wait, left, seconds) in cases {
        let mut outcome = Outcome::rejected(match left {
            Some(left) => Veto::new(VetoReason::Paused).left(Duration::from_millis(left)),
            None => Veto::new(VetoReason::Paused),
        });
        outcome.wait = wait.map(Duration::from_millis);
        let answer = error_response(Failure::new(outcome, "a test"));
        assert_eq!(
            answer.headers()["retry-after"],
            seconds,
            "{wait:?} {left:?}"
        );
    }
    let mut outcome = Outcome::new(Class::Overloaded);
    outcome.wait = Some(Duration::MAX);
    let answer = error_response(Failure::new(outcome, "a test"));
    assert_eq!(
        answer.headers()["retry-after"],
        u64::MAX.to_string().as_str()
    );
}

#[test]
fn nothing_of_the_error_but_its_class_and_reason_gets_out() {
    const SECRET: &str = "sk-secret-1234";
    let mut outcome = Outcome::new(Class::Transport);
    outcome.forbid(Veto::new(VetoReason::Attempts).detail(SECRET));
    let error = Failure::new(
        outcome,
        format!("connecting to https://user:{SECRET}@host failed"),
    );
    let answer = error_response(error);
    assert!(!format!("{:?} {:?}", answer.headers(), answer.body()).contains(SECRET));
    serde_json::from_str::<Value>(answer.body()).unwrap();
}

#[tokio::test]
async fn outcome_report_and_error_stay_on_the_response() {
    let failing = service_fn(|_: Request<()>| async {
        let mut failure = Failure::new(Outcome::new(Class::Timeout), "too slow");
        failure.set_report(Report::default());
        Err::<Response<Full<Bytes>>, BoxError>(failure.into())
    });
    let service = ErrorResponseLayer::new().layer(failing);
    let Ok(answer) = service.oneshot(Request::new(())).await;
    let extensions = answer.extensions();
    assert_eq!(extensions.get::<Outcome>().unwrap().class, Class::Timeout);
    assert!(extensions.get::<Report>().is_some());
    let error = extensions.get::<OriginalError>().unwrap().get();
    assert!(Failure::find(error).is_some());
}

#[tokio::test]
async fn a_service_that_cannot_be_made_ready_is_answered_for() {
    #[derive(Clone)]
    struct Broken;

    impl Service<Request<()>> for Broken {
        type Response = Response<Full<Bytes>>;
        type Error = BoxError;
        type Future = std::future::Ready<Result<Self::Response, BoxError>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), BoxError>> {
            std::task::Poll::Ready(Err("out of order".into()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            panic!("not ready");
        }
    }

    let service = ErrorResponseLayer::new().layer(Broken);
    let Ok(answer) = service.clone().oneshot(Request::new(())).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice::<Value>(&body).unwrap();
}

const _: () = {
    type Served = tower_steady::error_response::ErrorResponse<
        hyper_util::client::legacy::Client<
            hyper_util::client::legacy::connect::HttpConnector,
            Body,
        >,
    >;
    static_assertions::assert_impl_all!(Served: Clone, Send, Sync, std::fmt::Debug);
    static_assertions::assert_impl_all!(
        tower_steady::error_response::ResponseBody<Full<Bytes>>: Send, Sync, std::fmt::Debug
    );
};
