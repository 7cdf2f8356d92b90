//! The stack in front of reqwest. `cargo run --example reqwest_client --features reqwest`

use http::Request;
use http_body_util::BodyExt;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::reqwest::ReqwestService;
use tower_steady::{Failure, Report, Steady};
use tower_steady_testkit::{Answer, Provider};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let script = [
        Answer::closed(),
        Answer::overloaded(),
        Answer::ok_chat("Hello"),
    ];
    let server = Provider::new(script).serve().await?;

    // One loop is enough: the stack retries, reqwest does not.
    let client = reqwest::Client::builder()
        .retry(reqwest::retry::never())
        .build()?;
    let llm = ServiceBuilder::new()
        .layer(Steady::interactive())
        .service(ReqwestService::new(client));

    let chat = || {
        Request::post(format!("{}/v1/chat/completions", server.url()))
            .header("content-type", "application/json")
            .body(r#"{"model": "m", "messages": []}"#.to_owned())
    };
    let answer = llm.clone().oneshot(chat()?).await;
    println!("{}", Report::of(&answer).expect("more than one attempt"));
    let body = answer?.into_body().collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));

    // What reqwest says of an error is still there.
    server.kill().await;
    let error = llm.oneshot(chat()?).await.unwrap_err();
    println!("{error}");
    let failure = Failure::find(&*error).expect("the stack's word on it");
    let source = failure
        .find_source::<reqwest::Error>()
        .expect("reqwest's own");
    assert!(source.is_connect());
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
