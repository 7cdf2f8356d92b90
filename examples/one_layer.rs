//! One layer alone: a circuit breaker in front of any client.
//! `cargo run --example one_layer`

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::circuit_breaker::{CircuitBreakerLayer, CircuitOpen, State};
use tower_steady_testkit::{Answer, Provider};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let provider = Provider::new(Answer::overloaded());
    let breaker = CircuitBreakerLayer::builder()
        .consecutive_failures(3)
        .open_for(Duration::from_secs(30))
        .build()?;
    let handle = breaker.handle();
    let llm = ServiceBuilder::new()
        .layer(breaker)
        .service(provider.service());

    let ask = || {
        let request = Request::post("http://provider.test/v1/messages");
        llm.clone()
            .oneshot(request.body(Full::<Bytes>::default()).unwrap())
    };
    for _ in 0..3 {
        println!("{}", ask().await?.status());
    }
    let error = ask().await.unwrap_err();
    let open = CircuitOpen::find(&error).expect("refused here");
    println!("{open}");
    assert_eq!(provider.received(), 3);

    // The provider is well again; the first call after the open time finds out.
    provider.play(Answer::ok_message("Hello"));
    tokio::time::sleep(open.left().expect("known while it is open")).await;
    println!("{}", ask().await?.status());
    assert_eq!(handle.state(), State::Closed);
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
