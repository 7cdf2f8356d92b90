//! Two axum routes with one client: a layer swapped on one changes that route alone.
//! `cargo run --example swap_per_route`

use axum::{Router, body::Body};
use http::{Request, Uri, header::HOST};
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::backoff_jitter::RetryLayer;
use tower_steady::replay_body::ReplayBody;
use tower_steady::{ServiceBuilderExt, Steady};
use tower_steady_testkit::{Answer, Provider, client};

/// A route that forwards to the provider through `stack`.
macro_rules! upstream {
    ($stack:expr, $url:expr) => {{
        let url: Uri = $url.parse()?;
        ServiceBuilder::new()
            .error_response()
            .map_request(move |mut request: Request<Body>| {
                *request.uri_mut() = url.clone();
                request.headers_mut().remove(HOST); // it names this server
                request
            })
            .layer($stack)
            .service(client::<ReplayBody<Body>>())
    }};
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let server = Provider::new(Answer::overloaded()).serve().await?;
    let url = |path: &str| format!("{}{path}", server.url());

    let steady = Steady::interactive().with_any_body();
    // This route gives up at once; all other layers it shares with the first.
    let hasty = RetryLayer::builder().max_attempts(1).build()?;
    let hasty = steady.clone().with_retry(hasty);

    let app = Router::new()
        .route_service("/chat", upstream!(steady, url("/chat")))
        .route_service("/suggest", upstream!(hasty, url("/suggest")));

    for (path, sends) in [("/suggest", 1), ("/chat", 3)] {
        let request = Request::post(path).body(Body::from("{}"))?;
        let answer = app.clone().oneshot(request).await?;
        let sent = server
            .calls()
            .iter()
            .filter(|call| call.path() == path)
            .count();
        println!("{path}: {} after {sent} send(s)", answer.status().as_u16());
        assert_eq!((answer.status().as_u16(), sent), (529, sends));
    }
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
