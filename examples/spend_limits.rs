//! Hard limits on what retries may cost, by workflow: an agent that runs away is stopped, the others
//! go on. `cargo run --example spend_limits`

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_steady::retry_budget::{SpendLayer, Workflow};
use tower_steady::{Outcome, Steady};
use tower_steady_testkit::{Answer, Provider};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    // Rate limits, so that the circuit stays closed: nothing but the spend limit is in the way.
    let provider = Provider::new(Answer::rate_limited().retry_after(1));

    // A retry of the request below costs 1,000 input tokens: its length in bytes, divided by four.
    let spend = SpendLayer::builder().per_workflow(2_500).build()?;
    let ledger = spend.handle();
    let llm = ServiceBuilder::new()
        .layer(Steady::background().with_budget(spend))
        .service(provider.service());

    for workflow in ["runaway", "runaway", "patient"] {
        let workflow = Workflow::new(workflow);
        let mut request = Request::post("http://provider.test/v1/chat/completions")
            .body(Full::<Bytes>::from("x".repeat(4_000)))?;
        request.extensions_mut().insert(workflow.clone());

        let before = provider.received();
        let answer = llm.clone().oneshot(request).await;
        let sends = provider.received() - before;
        let veto = Outcome::read(&answer).veto.expect("why it gave up");
        let spent = ledger.spent_by(&workflow);
        println!(
            "{}: {sends} sends, {spent} tokens of retries. {veto}",
            workflow.id()
        );
        assert!(spent <= 2_500);
    }
    Ok(())
}

#[test]
fn it_ends_well() {
    main().unwrap();
}
