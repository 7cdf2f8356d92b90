//! gRPC, whose verdict may stand in the head or in the trailers.

mod common;

use common::{Step, answer, call, frames, outcome, scripted, stream};
use http::HeaderMap;
use tower_steady_classify::ClassifyLayer;
use tower_steady_core::{Class, Outcome};

#[tokio::test(start_paused = true)]
async fn grpc_status_counts_in_the_head_and_in_the_trailers() {
    let status = |code: &str| {
        HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
    };
    let grpc = "application/grpc";

    let (body, _) = scripted([]);
    let mut refused = answer(200, grpc, body);
    refused.headers_mut().extend(status("8"));
    refused
        .headers_mut()
        .insert("grpc-message", "slow%20down".parse().unwrap());
    let response = call(&ClassifyLayer::new(), refused).await.unwrap();
    assert_eq!(outcome(&response).class, Class::RateLimited);

    for (steps, noted, class) in [
        (
            vec![Step::Trailers(status("14"))],
            Some(Class::Overloaded),
            Class::Overloaded,
        ),
        (
            vec![Step::data("message"), Step::Trailers(status("0"))],
            None,
            Class::Success,
        ),
        (
            vec![Step::data("message"), Step::Trailers(status("14"))],
            None,
            Class::Overloaded,
        ),
        (
            vec![Step::data("message"), Step::Trailers(status("x"))],
            None,
            Class::ServerError,
        ),
        (
            vec![Step::data("message"), Step::Trailers(HeaderMap::new())],
            None,
            Class::Transport,
        ),
        // By hand, and so final: who cancelled does not want it again.
        (
            vec![Step::Trailers(status("1"))],
            Some(Class::ServerError),
            Class::ServerError,
        ),
        (vec![Step::data("message")], None, Class::Transport),
        (vec![], Some(Class::Transport), Class::Transport),
    ] {
        let told = format!("{steps:?}");
        let (body, _) = scripted(steps);
        let response = call(&ClassifyLayer::new(), answer(200, grpc, body))
            .await
            .unwrap();
        assert_eq!(
            response.extensions().get().map(|note: &Outcome| note.class),
            noted,
            "{told}"
        );
        let cell = stream(&response);
        frames(response.into_body()).await;
        assert_eq!(cell.verdict().unwrap().class, class, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_status_says_whether_another_try_may_help() {
    // From google/rpc/code.proto; those that are final whatever the HTTP status beside them says.
    for (code, transient) in [
        ("1", false),
        ("6", false),
        ("15", false),
        ("10", true),
        ("13", true),
        ("14", true),
    ] {
        let (body, _) = scripted([]);
        let mut refused = answer(200, "application/grpc", body);
        let headers = refused.headers_mut();
        headers.insert("grpc-status", code.parse().unwrap());
        let response = call(&ClassifyLayer::new(), refused).await.unwrap();
        assert_eq!(outcome(&response).transient, transient, "{code}");
    }
}
