//! The events that the crate's documentation promises.

use std::time::Duration;

use http::{Request, Response};
use tokio::time::advance;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::key::Label;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tower_steady_testkit::{Capture, EventTable};

const OURS: &str = "tower_steady_retry_after";

#[tokio::test(start_paused = true)]
async fn a_pause_tells_when_it_begins_grows_and_ends() {
    let capture = Capture::start();
    let mut seen = 0;
    let mut told = || {
        let all = capture.from(OURS);
        let new = all[seen..].iter().map(ToString::to_string);
        let new: Vec<_> = new.map(|line| line.replace(OURS, "")).collect();
        seen = all.len();
        new
    };

    let mut answers = [
        (429, "7"),
        (429, "86400"),
        (200, ""),
        (429, "3"),
        (429, "5"),
    ]
    .into_iter();
    let layer = PauseLayer::builder()
        .max_wait(Duration::ZERO)
        .max_keys(1)
        .build()
        .unwrap();
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(RetryAfterLayer::new())
        .service(service_fn(move |_: Request<()>| {
            let (status, wait) = answers.next().unwrap();
            let answer = Response::builder().status(status);
            let answer = answer.header("retry-after", wait).body(());
            std::future::ready(answer.map_err(BoxError::from))
        }));
    let request = |host: &str| {
        let request = Request::get(format!("https://user:secret@{host}/secret?key=secret"));
        request.header("authorization", "secret").body(()).unwrap()
    };
    let key = Label::new("api.example");

    let mut call = async |host: &str| service.ready().await.unwrap().call(request(host)).await;
    assert!(call("api.example").await.is_ok());
    assert_eq!(
        told(),
        [
            "DEBUG  the server told when it wants us back class=rate_limited status=429 \
             transient=true wait_ms=7000",
            r#"WARN  paused at the server's request key="api.example" left_ms=7000 rate=1.0"#,
        ]
    );

    assert!(call("api.example").await.is_err());
    assert_eq!(
        told(),
        [r#"DEBUG  not sent: paused key="api.example" veto=paused reason=max_wait left_ms=7000"#]
    );

    layer.handle().pause(&key, Duration::from_secs(9));
    assert_eq!(
        told(),
        [r#"DEBUG  the pause grows key="api.example" left_ms=9000 waiting=0"#]
    );

    // The next call notices that it is over. Its own refusal is over the cap.
    advance(Duration::from_secs(9)).await;
    assert!(call("api.example").await.is_ok());
    assert_eq!(
        told(),
        [
            r#"INFO  the pause ends key="api.example" waiting=0 rate=1.0"#,
            "DEBUG  the server told when it wants us back class=rate_limited status=429 \
             transient=true wait_ms=86400000",
            "DEBUG  not paused: the wait is over the cap key=\"api.example\" class=rate_limited \
             wait_ms=86400000",
        ]
    );

    // Once there was a success, a refusal says something of the rate.
    for _ in 0..2 {
        advance(Duration::from_secs(1)).await;
        assert!(call("api.example").await.is_ok());
    }
    assert_eq!(
        told()[1..],
        [
            r#"DEBUG  refused at this pace: slower key="api.example" rate=0.5"#,
            r#"WARN  paused at the server's request key="api.example" left_ms=3000 rate=0.5"#,
        ]
    );

    // There is room for one key alone.
    assert!(call("other.example").await.is_ok());
    assert_eq!(
        told()[1..],
        [r#"WARN  not paused: too many keys are key="other.example" limit=1"#]
    );

    let table = EventTable::parse(include_str!("../src/lib.rs"));
    assert_eq!(table.differences(&capture.from(OURS)), [""; 0]);
    assert!(!capture.text().contains("secret"), "{}", capture.text());
}
