//! One call to a real endpoint.

use std::env;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};
use tower_steady::Steady;

use crate::client::{self, BoxError};
use crate::timeline;

/// Asks the model for a greeting. True if it answered.
pub(crate) async fn run(base_url: &str, key_env: &str, model: &str) -> Result<bool, BoxError> {
    let key = env::var(key_env).map_err(|error| format!("`{key_env}`: {error}"))?;
    let connector = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .build();
    let https: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let client = client::reading(
        ServiceBuilder::new()
            .layer(Steady::interactive())
            .service(https),
    );
    let start = Instant::now();
    let answer = client.oneshot(request(base_url, &key, model)?).await;
    timeline::print(1, None, &answer, start.elapsed());
    match &answer {
        Ok(response) => println!("\n{}", String::from_utf8_lossy(response.body())),
        Err(error) => println!("\n{error}: {}", sources(error.as_ref())),
    }
    Ok(answer.is_ok_and(|response| response.status().is_success()))
}

/// Anthropic's endpoint and header where the host is theirs, else OpenAI's, which most others copy.
fn request(base_url: &str, key: &str, model: &str) -> Result<Request<Full<Bytes>>, BoxError> {
    let base_url = base_url.trim_end_matches('/');
    let anthropic = base_url.contains("anthropic");
    let body = serde_json::json!({
        "model": model,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say hello in one sentence."}],
    });
    let request = if anthropic {
        Request::post(format!("{base_url}/messages"))
            .header("x-api-key", key)
            .header("anthropic-version", "2023-06-01")
    } else {
        Request::post(format!("{base_url}/chat/completions"))
            .header("authorization", format!("Bearer {key}"))
    };
    Ok(request
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))?)
}

fn sources(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
