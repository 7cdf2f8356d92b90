//! The events, as the front page lists them.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::{BoxError, Deadline};
use tower_steady_deadline::{AttemptTimeoutLayer, DeadlineLayer};
use tower_steady_testkit::{Capture, EventTable};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_front_page_lists_every_event_with_its_fields() {
    let capture = Capture::start();
    let timeouts = AttemptTimeoutLayer::builder().headers(SECOND).build();
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new())
        .layer(timeouts.unwrap())
        .service(service_fn(|_: Request<()>| {
            pending::<Result<Response<Empty<Bytes>>, BoxError>>()
        }));
    let mut request = Request::new(());
    let secret = "sk-secret".parse().unwrap();
    request.headers_mut().insert("grpc-timeout", secret);
    assert!(service.clone().oneshot(request).await.is_err());

    // The deadline runs out where no timer of an attempt is before it.
    for left in [SECOND, Duration::ZERO] {
        let service = ServiceBuilder::new()
            .layer(DeadlineLayer::new())
            .service(service_fn(|_: Request<()>| {
                pending::<Result<Response<()>, BoxError>>()
            }));
        let mut request = Request::new(());
        let now = tokio::time::Instant::now().into_std();
        request.extensions_mut().insert(Deadline::at(now + left));
        assert!(service.oneshot(request).await.is_err());
    }

    let table = EventTable::parse(include_str!("../src/lib.rs"));
    let told = capture.from("tower_steady_deadline");
    assert_eq!(table.differences(&told), [""; 0]);
    assert_eq!(
        told[1].to_string(),
        "DEBUG tower_steady_deadline attempt timed out class=timeout attempt=1 reason=headers \
         elapsed_ms=1000"
    );
    assert!(!capture.text().contains("secret"), "{}", capture.text());
}
