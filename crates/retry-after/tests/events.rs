//! The events that the crate's documentation promises.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::advance;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::key::Label;
use tower_steady_retry_after::{PauseLayer, RetryAfterLayer};
use tracing_subscriber::fmt::MakeWriter;

/// What was logged, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines since the last look.
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_tells_when_it_begins_grows_and_ends() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing::Level::TRACE)
        .without_time()
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let mut waits = ["7", "86400"].into_iter();
    let layer = PauseLayer::builder()
        .max_wait(Duration::ZERO)
        .build()
        .unwrap();
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(RetryAfterLayer::new())
        .service(service_fn(move |_: Request<()>| {
            let refusal = Response::builder()
                .status(429)
                .header("retry-after", waits.next().unwrap());
            std::future::ready(refusal.body(()).map_err(BoxError::from))
        }));
    let request = || {
        let request = Request::get("https://user:secret@api.example/secret?key=secret");
        request.header("authorization", "secret").body(()).unwrap()
    };
    let key = Label::new("api.example");

    service
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap();
    let told = log.take();
    assert!(
        told.contains("DEBUG") && told.contains("the server told when it wants us back"),
        "{told}"
    );
    assert!(
        told.contains(r#"class="rate_limited" status=429 wait_ms=7000 retry=true"#),
        "{told}"
    );
    assert!(
        told.contains("WARN") && told.contains("paused at the server's request"),
        "{told}"
    );
    assert!(
        told.contains(r#"key="api.example" left_ms=7000 rate=1.0"#),
        "{told}"
    );

    let rejected = service.ready().await.unwrap().call(request()).await;
    assert!(rejected.is_err());
    let told = log.take();
    assert!(told.contains("not sent: paused"), "{told}");
    assert!(
        told.contains(r#"key="api.example" left_ms=7000 reason="max_wait""#),
        "{told}"
    );

    layer.handle().pause(&key, Duration::from_secs(9));
    let told = log.take();
    assert!(
        told.contains("the pause grows") && told.contains("left_ms=9000"),
        "{told}"
    );

    // The next call notices that it is over. Its own refusal is over the cap.
    advance(Duration::from_secs(9)).await;
    service
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap();
    let told = log.take();
    assert!(
        told.contains("INFO") && told.contains("the pause ends"),
        "{told}"
    );
    assert!(
        told.contains("not paused: the wait is over the cap"),
        "{told}"
    );
    assert!(told.contains("wait_ms=86400000"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}
