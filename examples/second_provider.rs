//! When the provider is down: a second one, then the last good answer, then an apology. Each answer
//! says where it is from. `cargo run --example second_provider`

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri, header::HOST};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt};
use tower_steady::fallback::{Alternative, FallbackLayer, Fixed, LastGood};
use tower_steady::{Steady, fallback::Degraded};
use tower_steady_testkit::{Answer, Provider, client};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let first = Provider::new(Answer::ok_chat("first")).serve().await?;
    let second = Provider::new(Answer::ok_chat("second")).serve().await?;

    // The same question to another host, with a stack (and so a circuit) of its own.
    let elsewhere: Uri = format!("{}/v1/chat/completions", second.url()).parse()?;
    let other = move |mut request: Request<Full<Bytes>>| {
        *request.uri_mut() = elsewhere.clone();
        request.headers_mut().remove(HOST); // where there is one, it names the first host
        request
    };
    let other = Steady::interactive().layer(client()).map_request(other);

    // A question is a path here; an application keys by its prompt.
    let question = |request: &Request<Full<Bytes>>| Some(request.uri().path().to_owned());
    let cache = LastGood::builder().max_age(Duration::from_secs(600));
    let sorry = Response::new(Bytes::from(r#"{"answer": "Ask me again in a minute."}"#));
    let sources = FallbackLayer::new(Alternative::new("second", other)?)
        .or(cache.build(question)?)
        .or(Fixed::new(sorry));
    let llm = ServiceBuilder::new()
        .layer(sources)
        .layer(Steady::interactive())
        .service(client());

    let ask = async |path: &str| -> Result<String, BoxError> {
        let request = Request::post(format!("{}{path}", first.url())).body(Full::default())?;
        let answer = llm.clone().oneshot(request).await?;
        let degraded = answer.extensions().get::<Degraded>();
        let from = degraded
            .map_or("the provider", |degraded| &degraded.source)
            .to_owned();
        println!(
            "{:?} {:?}",
            answer.status(),
            answer.headers().get("x-degraded")
        );
        answer.into_body().collect().await?;
        Ok(from)
    };
    assert_eq!(ask("/a").await?, "the provider");
    first.kill().await;
    assert_eq!(ask("/a").await?, "second");
    second.kill().await;
    assert_eq!(ask("/a").await?, "last-good");
    assert_eq!(ask("/b").await?, "fixed");
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
