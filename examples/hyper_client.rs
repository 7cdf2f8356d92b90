//! The stack in front of a hyper client. `cargo run --example hyper_client`

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::{Report, Steady};
use tower_steady_testkit::{Answer, Provider};

// Client and provider share one thread and a simulated clock: waiting takes no time.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let script = [
        Answer::rate_limited().retry_after(2),
        Answer::overloaded(),
        Answer::ok_chat("Hello"),
    ];
    let server = Provider::new(script).serve().await?;

    let http = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let llm = ServiceBuilder::new()
        .layer(Steady::interactive())
        .service(http);

    let request = Request::post(format!("{}/v1/chat/completions", server.url()))
        .header("content-type", "application/json")
        .body(Full::from(r#"{"model": "m", "messages": []}"#))?;
    let answer = llm.oneshot(request).await;

    let report = Report::of(&answer).expect("more than one attempt");
    println!("{report}, {:.1?} of it waiting", report.total_wait);
    assert_eq!(report.sends(), 3);

    let body = answer?.into_body().collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
