//! An axum application in front of a provider: errors become responses, the health check asks the breaker,
//! `/state` shows what the layers know, `/metrics` is for Prometheus. `cargo run --example axum_app --features metrics`

use axum::{Json, Router, body::Body, extract::State, routing::get};
use http::{Request, StatusCode, Uri, header::HOST};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer};
use tower_steady::{
    ServiceBuilderExt, Steady, SteadyHandle, SteadySnapshot, metrics::describe_metrics,
};
use tower_steady_testkit::{Answer, Provider, client};

/// Histograms in the buckets that OpenTelemetry suggests.
fn exporter() -> Result<PrometheusBuilder, BuildError> {
    let buckets: Vec<_> = (0..14).map(|n| 0.01 * 2_f64.powi(n)).collect();
    PrometheusBuilder::new().set_buckets(&buckets)
}

fn app(provider: &str, metrics: PrometheusHandle) -> Result<Router, BoxError> {
    let breaker = CircuitBreakerLayer::builder()
        .name("openai")
        .consecutive_failures(3)
        .build()?;
    let health = breaker.handle();
    let stack = Steady::interactive_named("openai")
        .with_any_body()
        .with_breaker(breaker);
    let state = stack.handle();
    let url: Uri = format!("{provider}/v1/chat/completions").parse()?;
    let chat = ServiceBuilder::new()
        .error_response()
        .map_request(move |mut request: Request<Body>| {
            *request.uri_mut() = url.clone();
            request.headers_mut().remove(HOST); // it names this server
            request
        })
        .layer(stack)
        .service(client());
    Ok(Router::new()
        .route_service("/chat", chat)
        .route("/health", get(healthy).with_state(health))
        .route("/state", get(snapshot).with_state(state))
        .route("/metrics", get(async move || metrics.render())))
}

async fn healthy(State(circuit): State<CircuitBreakerHandle>) -> (StatusCode, Json<Value>) {
    let state = circuit.state();
    let status = match state.admits_all() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let seconds = circuit.time_left().map(|left| left.as_secs());
    let body = json!({ "provider": state.as_str(), "open_for_seconds": seconds });
    (status, Json(body))
}

async fn snapshot(State(handle): State<SteadyHandle>) -> Json<SteadySnapshot> {
    Json(handle.snapshot())
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let server = Provider::new(Answer::ok_chat("Hello")).serve().await?;
    let app = app(&server.url(), exporter()?.install_recorder()?)?;
    describe_metrics();
    let ask = async |path: &str| -> Result<StatusCode, BoxError> {
        let request = Request::builder().uri(path).body(Body::empty())?;
        let answer = app.clone().oneshot(request).await?;
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 65536).await?;
        println!("{path:8} {status}  {}", String::from_utf8_lossy(&body));
        Ok(status)
    };
    assert_eq!(ask("/chat").await?, 200);
    assert_eq!(ask("/health").await?, 200);

    server.kill().await;
    assert_eq!(ask("/chat").await?, 502);
    assert_eq!(ask("/chat").await?, 503);
    assert_eq!(ask("/health").await?, 503);
    assert_eq!(ask("/state").await?, 200);
    assert_eq!(ask("/metrics").await?, 200);
    Ok(())
}

#[cfg(test)]
#[path = "axum_app/tests.rs"]
mod tests;
