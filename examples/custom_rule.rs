//! A classifier rule of your own, for a gateway that says in its own words what happened.
//! `cargo run --example custom_rule`

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::classify::{ClassifyLayer, UserRule};
use tower_steady::{Class, Outcome, Steady};
use tower_steady_testkit::{Answer, Provider};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    // By its status this is a rate limit, and would be sent again until the attempts are used up.
    let refused = Answer::new(429).json(r#"{"error": {"code": "tenant_share_used"}}"#);
    let provider = Provider::new(refused);

    let share_used = UserRule::new("tenant-share", Class::QuotaExhausted, |facts| {
        facts.status() == 429 && facts.has_id("tenant_share_used")
    });
    let classify = ClassifyLayer::builder().rule(share_used).build()?;
    let llm = ServiceBuilder::new()
        .layer(Steady::interactive().with_classify(classify))
        .service(provider.service());

    let request =
        Request::post("http://gateway.test/v1/chat/completions").body(Full::<Bytes>::from("{}"))?;
    let answer = llm.oneshot(request).await;

    let outcome = Outcome::read(&answer);
    println!(
        "{} by rule {:?}, {} send",
        outcome.class,
        outcome.rule,
        provider.received()
    );
    assert_eq!(outcome.class, Class::QuotaExhausted);
    assert_eq!(provider.received(), 1);
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
