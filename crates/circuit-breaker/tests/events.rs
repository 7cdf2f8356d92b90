//! The events, as the front page lists them.

mod common;

use std::time::Duration;

use common::{Does, Provider, builder};
use http::Request;
use tokio::time::advance;
use tower::{Layer, ServiceExt};
use tower_steady_core::key::BySecret;
use tower_steady_testkit::{Capture, EventTable};

#[tokio::test(start_paused = true)]
async fn transitions_and_rejections_are_told_as_documented_and_hold_no_secret() {
    let capture = Capture::start();
    let layer = builder().key(BySecret::api_key()).build().unwrap();
    let service = layer.layer(Provider::default());
    let request = |does| {
        let request = Request::builder().header("authorization", "Bearer sk-secret");
        request.body(does).unwrap()
    };
    for does in [500, 500, 200] {
        let _ = service.clone().oneshot(request(Does::Answers(does))).await;
    }
    advance(Duration::from_secs(10)).await;
    service.oneshot(request(Does::Answers(200))).await.unwrap();
    layer.handles()[0].1.force_open();

    let key = format!("{:?}", layer.handles()[0].0);
    let target = "tower_steady_circuit_breaker";
    let expected = [
        format!(
            "WARN {target} circuit opened key={key} state=open reason=consecutive_failures \
             left_ms=10000 trips=1 generation=1"
        ),
        format!(
            "DEBUG {target} call rejected veto=circuit_open key={key} state=open \
             reason=consecutive_failures left_ms=10000"
        ),
        format!(
            "INFO {target} circuit half-open key={key} state=half_open \
             reason=consecutive_failures generation=2"
        ),
        format!("INFO {target} circuit closed key={key} state=closed generation=3"),
        format!(
            "WARN {target} circuit opened key={key} state=forced_open reason=forced trips=0 \
             generation=4"
        ),
    ];
    let told = capture.from(target);
    let lines: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected);
    assert!(!capture.text().contains("sk-secret"));

    let table = EventTable::parse(include_str!("../src/lib.rs"));
    assert_eq!(table.differences(&told), [""; 0]);
}
