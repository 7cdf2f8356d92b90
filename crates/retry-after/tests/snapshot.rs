//! What an operator sees of the pauses of a stack.

use std::time::Duration;

use http::{Request, Response};
use tokio::time::advance;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::key::{ByHost, BySecret};
use tower_steady_retry_after::{PauseLayer, PauseSnapshot, RetryAfterLayer};

/// Host `a` is paused for five seconds, of which two have passed, and two calls wait; host `b` is
/// released at its pace.
async fn pauses() -> PauseSnapshot {
    let layer = PauseLayer::builder()
        .key((ByHost, BySecret::api_key()))
        .build()
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(RetryAfterLayer::new())
        .service(service_fn(|request: Request<&'static str>| {
            let refusal = Response::builder().status(429);
            let refusal = refusal.header("retry-after", request.into_body());
            std::future::ready(refusal.body(()).map_err(BoxError::from))
        }));
    let request = |host: &str, wait| {
        let request = Request::get(format!("http://{host}/"));
        let request = request.header("authorization", "Bearer sk-secret");
        request.body(wait).unwrap()
    };
    for (host, wait) in [("b", "1"), ("a", "5")] {
        let call = service.clone().oneshot(request(host, wait));
        call.await.unwrap();
    }
    let waiting = || tokio_test::task::spawn(service.clone().oneshot(request("a", "1")));
    let mut waiting = [waiting(), waiting()];
    for call in &mut waiting {
        assert!(call.poll().is_pending());
    }
    advance(Duration::from_secs(2)).await;
    layer.handle().snapshot()
}

#[tokio::test(start_paused = true)]
async fn paused_and_paced_keys_are_shown_with_time_left_rate_and_queue() {
    let seen = pauses().await.keys;
    let [a, b] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert!(a.key.starts_with(r#"("a", key-"#), "{}", a.key);
    assert_eq!(
        (a.left, a.rate, a.waiting),
        (Some(Duration::from_secs(3)), 1.0, 2)
    );
    assert!(b.key.starts_with(r#"("b", key-"#), "{}", b.key);
    assert_eq!((b.left, b.rate, b.waiting), (None, 1.0, 0));
    assert!(!format!("{seen:?}").contains("secret"));
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn in_json_the_time_left_is_in_milliseconds() {
    let mut seen = pauses().await;
    // Under a key of this process.
    for paused in &mut seen.keys {
        paused.key.truncate(r#"("a""#.len());
    }
    assert_eq!(
        serde_json::to_value(seen).unwrap(),
        serde_json::json!({
            "keys": [
                { "key": "(\"a\"", "left_ms": 3_000, "rate": 1.0, "waiting": 2 },
                { "key": "(\"b\"", "left_ms": null, "rate": 1.0, "waiting": 0 },
            ],
        })
    );
}
