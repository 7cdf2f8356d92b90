//! Two routes of an axum application with one client and stacks of their own, put together as a user
//! would with `ServiceBuilder`.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::response::Response;
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_steady_backoff_jitter::RetryLayer;
use tower_steady_circuit_breaker::{CircuitBreakerLayer, State};
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{BoxError, Failure, VetoReason};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_replay_body::{ReplayBody, ReplayLayer};
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_retry_budget::RetryBudgetLayer;
use tower_steady_testkit::{Answer, Provider, client};

type HttpClient = Client<HttpConnector, ReplayBody<Body>>;

/// What answers a route: the stack in front of the provider.
fn upstream(
    client: HttpClient,
    breaker: CircuitBreakerLayer,
    url: String,
) -> impl Service<Request<Body>, Response = Response, Error = Infallible, Future = impl Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    let url: Uri = url.parse().unwrap();
    ServiceBuilder::new()
        .layer(HandleErrorLayer::new(refusal))
        .map_request(move |mut request: Request<Body>| {
            *request.uri_mut() = url.clone();
            request
        })
        .layer(ReplayLayer::new())
        .layer(DeadlineLayer::new())
        .layer(RetryLayer::new())
        .layer(RetryBudgetLayer::new())
        .layer(PauseLayer::new())
        .layer(breaker)
        .layer(AttemptTimeoutLayer::new())
        .layer(RetryAfterLayer::new())
        .layer(ClassifyLayer::new())
        .service(client)
}

/// What a caller is told where there is no answer of the provider's.
async fn refusal(error: BoxError) -> StatusCode {
    let failure = Failure::find(&*error);
    let veto = failure.and_then(|failure| failure.outcome().veto.as_ref());
    match veto.map(|veto| veto.reason()) {
        Some(VetoReason::CircuitOpen) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn breaker() -> CircuitBreakerLayer {
    let breaker = CircuitBreakerLayer::builder().consecutive_failures(3);
    breaker.open_for(Duration::from_secs(60)).build().unwrap()
}

async fn post(app: &Router, path: &str) -> (StatusCode, bytes::Bytes) {
    let request = Request::post(path).body(Body::from("{}")).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[tokio::test(start_paused = true)]
async fn the_open_circuit_of_one_route_leaves_the_other_alone() {
    let server = Provider::new(Answer::ok_chat("Hello"))
        .route("/broken", Answer::server_error())
        .serve()
        .await
        .unwrap();
    let sends = |path: &str| {
        server
            .calls()
            .iter()
            .filter(|call| call.path() == path)
            .count()
    };
    let (broken, good) = (breaker(), breaker());
    let client = client();
    let app = Router::new()
        .route_service(
            "/a",
            upstream(
                client.clone(),
                broken.clone(),
                format!("{}/broken", server.url()),
            ),
        )
        .route_service(
            "/b",
            upstream(client, good.clone(), format!("{}/good", server.url())),
        );

    // Three tries, three failures; the caller gets the provider's own answer.
    let (status, body) = post(&app, "/a").await;
    assert_eq!(
        (status.as_u16(), body),
        (500, Answer::server_error().bytes())
    );
    assert_eq!(sends("/broken"), 3);
    assert_eq!(broken.handle().state(), State::Open);

    for _ in 0..3 {
        assert_eq!(post(&app, "/a").await.0, 503);
        assert_eq!(post(&app, "/b").await.0, 200);
    }
    assert_eq!((sends("/broken"), sends("/good")), (3, 3));
    assert_eq!(good.handle().state(), State::Closed);
    assert_eq!(server.accepted(), 1, "one client, one pool");

    // It heals by itself.
    server.provider().take_calls();
    tokio::time::sleep(Duration::from_secs(70)).await;
    assert_eq!(post(&app, "/a").await.0, 500);
    assert_eq!(sends("/broken"), 1, "a probe");
}

#[tokio::test(start_paused = true)]
async fn routes_that_share_the_layers_value_share_the_circuit() {
    let server = Provider::new(Answer::server_error()).serve().await.unwrap();
    let breaker = breaker();
    let client = client();
    let route = || upstream(client.clone(), breaker.clone(), server.url());
    let app = Router::new()
        .route_service("/a", route())
        .route_service("/b", route());
    assert_eq!(post(&app, "/a").await.0, 500);
    assert_eq!(post(&app, "/b").await.0, 503);
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_streams_in_is_sent_again() {
    let server = Provider::new([Answer::overloaded(), Answer::ok_chat("Hello")])
        .serve()
        .await
        .unwrap();
    let app = Router::new().route_service("/", upstream(client(), breaker(), server.url()));
    let chunks = ["{\"model\":", "\"m\"}"].map(Ok::<_, std::io::Error>);
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    let response = app
        .oneshot(Request::post("/").body(body).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let models: Vec<_> = server.calls().iter().map(|call| call.model()).collect();
    assert_eq!(models, [Some("m".to_owned()), Some("m".to_owned())]);
}
