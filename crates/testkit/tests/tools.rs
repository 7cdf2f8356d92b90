//! What stands beside the provider: capturing what is traced, dropping futures.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_steady_testkit::cancel::{Dropped, at_every_poll};
use tower_steady_testkit::{Answer, Capture, Progress, Provider};
use tracing::Level;

#[test]
fn events_are_captured_at_every_level_with_their_fields() {
    let capture = Capture::start();
    let span = tracing::info_span!("call", key = "k", late = tracing::field::Empty);
    span.record("late", "secret-in-span");
    span.in_scope(|| tracing::trace!(target: "elsewhere", number = 7, flag = true, "low"));
    tracing::warn!(class = %"overloaded", left = ?Duration::from_secs(1), "retrying");

    let events = capture.events();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.level, &event.message[..]))
        .collect();
    assert_eq!(seen, [(Level::TRACE, "low"), (Level::WARN, "retrying")]);
    assert_eq!(events[0].field("number"), Some("7"));
    assert_eq!(events[0].spans, ["call"]);
    assert_eq!(events[1].spans, [""; 0]);
    assert_eq!(
        events[1].fields,
        [
            ("class", "overloaded".to_owned()),
            ("left", "1s".to_owned())
        ]
    );
    assert_eq!(capture.at(Level::WARN).len(), 1);
    assert_eq!(capture.from("else").len(), 1);
    assert!(
        capture.text().contains("secret-in-span"),
        "spans are searched too"
    );
}

#[test]
fn capturing_ends_with_its_guard() {
    let first = Capture::start();
    drop(Capture::start());
    tracing::info!("after the inner one");
    assert_eq!(first.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_future_is_dropped_at_each_of_its_polls() {
    let alive = Cell::new(0);
    let started = Cell::new(0);
    let mut seen = Vec::new();
    let dropped = at_every_poll(
        || {
            let (alive, started) = (&alive, &started);
            async move {
                started.set(started.get() + 1);
                alive.set(alive.get() + 1);
                let _guard = Guard(alive);
                sleep(Duration::from_secs(1)).await;
                sleep(Duration::from_secs(1)).await;
                "done"
            }
        },
        async |end| {
            assert_eq!(alive.get(), 0, "{end:?}");
            seen.push(match end {
                Dropped::After(polls) => polls,
                Dropped::Finished("done") => 100,
                other => panic!("{other:?}"),
            });
        },
    )
    .await;
    assert_eq!((dropped, seen), (3, vec![0, 1, 2, 100]));
    assert_eq!(started.get(), 3, "the first was dropped before it started");
}

struct Guard<'a>(&'a Cell<i32>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_waits_for_ever_is_dropped_too() {
    let provider = Provider::new(Answer::hang());
    let start = Instant::now();
    let dropped = at_every_poll(
        || {
            let request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
            tower::ServiceExt::oneshot(provider.service(), request)
        },
        async |_| {
            let open = |call: &tower_steady_testkit::Call| call.progress == Progress::Open;
            assert!(!provider.calls().iter().any(open));
        },
    )
    .await;
    assert_eq!(dropped, 3);
    assert!(start.elapsed() >= Duration::from_secs(3600));
}
