//! What a subscriber sees of whole stacks: a span for each call with all that is told in it, and one cry
//! for help when the key is refused.

use stack::{Part, Parts, call, chat};
use tower_steady_testkit::{Answer, Capture, Provider};
use tracing::Level;

/// Whether an event is of a layer inside of the retry loop.
fn is_inside(target: &str) -> bool {
    ["classify", "retry_after", "circuit_breaker", "retry_budget"]
        .iter()
        .any(|layer| target == format!("tower_steady_{layer}"))
}

#[tokio::test(start_paused = true)]
async fn what_the_layers_tell_of_a_call_stands_in_its_span() {
    let capture = Capture::start();
    let provider = Provider::new([
        Answer::overloaded(),
        Answer::rate_limited().retry_after(3),
        Answer::ok_chat("Hello"),
    ]);
    let stack = Parts::default().canonical(provider.service());
    call(&stack, chat("http://provider")).await.unwrap();

    let inside = capture.events().into_iter();
    let inside: Vec<_> = inside.filter(|told| is_inside(&told.target)).collect();
    for layer in ["classify", "retry_after"] {
        let target = format!("tower_steady_{layer}");
        assert!(
            inside.iter().any(|told| told.target == target),
            "{}",
            capture.text()
        );
    }
    for told in inside {
        assert_eq!(told.spans, ["call"], "{told}");
    }
    let loops = capture.from("tower_steady_backoff_jitter").into_iter();
    let tries = loops.filter(|told| told.message == "attempt");
    let tries: Vec<_> = tries
        .map(|told| told.field("class").unwrap().to_owned())
        .collect();
    assert_eq!(tries, ["overloaded", "rate_limited", "success"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_told_once_by_whoever_knows() {
    let cases: [(&[Part], usize); 5] = [
        (&[], 1),
        (&[Part::Classify], 1),
        (&[Part::Retry], 1),
        // What only adds to an outcome leaves a note that tells nothing of the key.
        (&[Part::Classify, Part::Budget, Part::Breaker], 1),
        // Nobody is left who would say so.
        (&[Part::Classify, Part::Retry], 0),
    ];
    for (left_out, errors) in cases {
        let capture = Capture::start();
        let provider = Provider::new(Answer::openai_error(401, "No", "auth", Some("x")));
        let order = Parts::all_but(left_out);
        let stack = Parts::default().stack(&order, provider.service());
        let answer = call(&stack, chat("http://provider")).await.unwrap();
        assert_eq!(answer.status, 401);
        let told = capture.at(Level::ERROR);
        assert_eq!(told.len(), errors, "without {left_out:?}: {told:?}");
        assert!(
            told.iter()
                .all(|told| told.message == "authentication failed")
        );
    }
}
