//! The seeds of failure, end to end over sockets: an axum application in front of two providers that
//! fail one after the other. The caller sees in a header that an answer is a degraded one, the
//! application in an extension, and whoever runs it in the log and in the metrics.

#[cfg(feature = "metrics")]
#[path = "metrics/recorded.rs"]
mod recorded;
mod serve;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Extensions, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use serve::serve;
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_steady::fallback::{Alternative, Degraded, FallbackLayer, Fixed, LastGood, Tried};
use tower_steady::{Class, ServiceBuilderExt, Steady};
use tower_steady_testkit::{Answer, Capture, Captured, Provider, Server, Sse, client};
use tracing::Level;

/// Two providers, and the application in front of them.
struct World {
    first: Server,
    second: Server,
    url: String,
    /// Of the application's last answer.
    extensions: Arc<Mutex<Extensions>>,
    capture: Capture,
}

/// What a caller got.
struct Got {
    status: u16,
    header: Option<String>,
    text: String,
}

impl Got {
    /// The text of a chat completion.
    fn chat(&self) -> String {
        let answer: Value = serde_json::from_str(&self.text).unwrap();
        let text = &answer["choices"][0]["message"]["content"];
        text.as_str().unwrap().to_owned()
    }
}

/// Sends a request to this provider, whatever it says.
fn redirect<B>(server: &Server) -> impl Fn(Request<B>) -> Request<B> + Clone + use<B> {
    let uri: Uri = format!("{}/v1/chat/completions", server.url())
        .parse()
        .unwrap();
    move |mut request| {
        *request.uri_mut() = uri.clone();
        request
    }
}

/// What the question is stands in a header here. An application keys by its prompt.
fn question<B>(request: &Request<B>) -> Option<Bytes> {
    let question = request.headers().get("x-question")?;
    Some(Bytes::copy_from_slice(question.as_bytes()))
}

impl World {
    /// Falls back to the second provider, then the last good answer, then `fixed`.
    async fn new(fixed: Response<Bytes>) -> Self {
        let first = Provider::new(Answer::ok_chat("first"));
        let second = Provider::new(Answer::ok_chat("second"));
        let (first, second) = (first.serve().await.unwrap(), second.serve().await.unwrap());
        let extensions: Arc<Mutex<Extensions>> = Arc::default();
        let seen = Arc::clone(&extensions);

        let other = Steady::interactive_seeded(2).layer(client());
        let other = other.map_request(redirect(&second));
        let last_good = LastGood::builder().max_age(Duration::from_secs(3600));
        let sources = FallbackLayer::new(Alternative::new("second", other).unwrap())
            .or(last_good.build(question).unwrap())
            .or(Fixed::new(fixed));
        let stack = Steady::interactive_seeded(1).with_any_body();
        let route = ServiceBuilder::new()
            .map_response(move |response: Response<_>| {
                seen.lock().unwrap().clone_from(response.extensions());
                response
            })
            .error_response()
            .map_request(redirect::<Body>(&first))
            .layer(stack.with_fallback(sources))
            .service(client());
        let url = serve(Router::new().route_service("/chat", route)).await + "/chat";
        Self {
            first,
            second,
            url,
            extensions,
            capture: Capture::start(),
        }
    }

    async fn send(&self, question: &str) -> Response<hyper::body::Incoming> {
        let request = Request::post(&self.url).header("x-question", question);
        let request = request.body(Full::<Bytes>::from(r#"{"model":"m"}"#));
        client().request(request.unwrap()).await.unwrap()
    }

    async fn ask(&self, question: &str) -> Got {
        let (head, body) = self.send(question).await.into_parts();
        let header = head.headers.get("x-degraded");
        let text = body.collect().await.unwrap().to_bytes();
        Got {
            status: head.status.as_u16(),
            header: header.map(|value| value.to_str().unwrap().to_owned()),
            text: String::from_utf8(text.to_vec()).unwrap(),
        }
    }

    /// The note on the application's last answer.
    fn note<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.extensions.lock().unwrap().get().cloned()
    }

    /// The warnings of the fallback layer so far.
    fn warnings(&self) -> Vec<Captured> {
        let warnings = self.capture.at(Level::WARN).into_iter();
        warnings
            .filter(|warning| warning.target.starts_with("tower_steady_fallback"))
            .collect()
    }
}

/// How often a source has answered in place of a provider whose connection failed.
#[cfg(feature = "metrics")]
fn counted(recorder: &metrics_util::debugging::DebuggingRecorder) -> Vec<(String, u64)> {
    use metrics_util::debugging::DebugValue;

    let all = recorded::series(recorder).into_iter();
    let mut counted: Vec<_> = all
        .filter(|(name, ..)| name == "tower_steady.fallback.answers")
        .map(|(_, labels, value)| {
            assert_eq!(labels["class"], "transport");
            let DebugValue::Counter(count) = value else {
                panic!("no counter: {value:?}")
            };
            (labels["source"].clone(), count)
        })
        .collect();
    counted.sort();
    counted
}

fn apology() -> Response<Bytes> {
    Response::new(Bytes::from("Ask me again in a minute."))
}

#[tokio::test(start_paused = true)]
async fn each_degraded_answer_is_visible_in_header_extension_log_and_metric() {
    #[cfg(feature = "metrics")]
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    #[cfg(feature = "metrics")]
    let _guard = metrics::set_default_local_recorder(&recorder);
    let world = World::new(apology()).await;

    // All is well: no word of any of this.
    let got = world.ask("a").await;
    assert_eq!((got.status, got.chat().as_str()), (200, "first"));
    assert_eq!(got.header, None);
    assert!(world.note::<Degraded>().is_none());
    assert!(world.warnings().is_empty());

    // The first provider is out.
    world.first.kill().await;
    let got = world.ask("a").await;
    assert_eq!((got.status, got.chat().as_str()), (200, "second"));
    assert_eq!(got.header.as_deref(), Some("second;reason=transport"));
    let degraded: Degraded = world.note().unwrap();
    assert_eq!((degraded.reason, degraded.age), (Class::Transport, None));
    assert_eq!(degraded.report.unwrap().sends(), 3);
    let told = world.warnings();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].message, "degraded answer");
    assert_eq!(told[0].field("source"), Some("second"));
    assert_eq!(told[0].field("class"), Some("transport"));

    // Both are: the last good answer, which is the first provider's, with its age.
    world.second.kill().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let got = world.ask("a").await;
    assert_eq!((got.status, got.chat().as_str()), (200, "first"));
    let degraded: Degraded = world.note().unwrap();
    let age = degraded.age.unwrap();
    assert!(age >= Duration::from_secs(60), "{age:?}");
    let header = format!("last-good;reason=transport;age={}", age.as_secs());
    assert_eq!(got.header, Some(header));
    let told = world.warnings();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].field("source"), Some("last-good"));
    let millis = age.as_millis().to_string();
    assert_eq!(told[1].field("age_ms"), Some(millis.as_str()));

    // Nothing kept for this question: the static answer. The circuit is open by now.
    let got = world.ask("b").await;
    assert_eq!(
        (got.status, got.text.as_str()),
        (200, "Ask me again in a minute.")
    );
    assert_eq!(got.header.as_deref(), Some("fixed;reason=transport"));
    let degraded: Degraded = world.note().unwrap();
    assert_eq!((&*degraded.source, degraded.age), ("fixed", None));
    let told = world.warnings();
    assert_eq!(told.len(), 3);
    assert_eq!(told[2].field("source"), Some("fixed"));

    #[cfg(feature = "metrics")]
    {
        let sources = ["fixed", "last-good", "second"].map(|source| (source.to_owned(), 1));
        assert_eq!(counted(&recorder), sources);
    }

    // And back.
    world.first.restart().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let got = world.ask("b").await;
    assert_eq!((got.chat().as_str(), got.header), ("first", None));
}

#[tokio::test(start_paused = true)]
async fn when_nothing_works_the_first_providers_own_answer_comes_back_unmarked() {
    // A static answer that is itself a failure is none.
    let mut broken = apology();
    *broken.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    let world = World::new(broken).await;
    world.first.provider().play(Answer::unavailable());
    world.second.provider().play(Answer::rate_limited());

    let got = world.ask("a").await;
    assert_eq!(got.status, 503);
    assert_eq!(got.text.as_bytes(), Answer::unavailable().bytes());
    assert_eq!(got.header, None);
    assert!(world.note::<Degraded>().is_none());
    let expected = [
        ("second", "rate_limited"),
        ("last-good", "none kept for this question"),
        ("fixed", "server_error"),
    ];
    let tried: Tried = world.note().unwrap();
    let tried = tried.sources.iter();
    let tried: Vec<_> = tried
        .map(|(source, problem)| (&**source, &**problem))
        .collect();
    assert_eq!(tried, expected);
    let told = world.warnings();
    let field = |told, name| Captured::field(told, name).unwrap();
    let told = told
        .iter()
        .map(|told| (field(told, "source"), field(told, "reason")));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_the_callers_own_fault_goes_to_no_other_provider() {
    let world = World::new(apology()).await;
    for answer in [
        Answer::invalid_request(),
        Answer::context_length(),
        Answer::unauthorized(),
        Answer::forbidden(),
        Answer::not_found(),
        Answer::unprocessable(),
    ] {
        world.first.provider().play(answer.clone());
        let got = world.ask("a").await;
        assert_eq!(got.status, answer.status().as_u16());
        assert_eq!(got.text.as_bytes(), answer.bytes());
        assert_eq!(got.header, None);
    }
    assert_eq!(world.second.provider().received(), 0);
    assert!(world.warnings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_begun_is_never_spliced_with_another() {
    let world = World::new(apology()).await;
    let cut = Sse::openai().text("one ").text("two ").cut();
    world.first.provider().play(cut);
    let mut body = world.send("a").await.into_body();
    let mut seen = Vec::new();
    let error = loop {
        match body.frame().await {
            Some(Ok(frame)) => seen.extend(frame.into_data().unwrap()),
            Some(Err(error)) => break error,
            None => panic!("ended well"),
        }
    };
    let seen = String::from_utf8(seen).unwrap();
    assert!(
        seen.contains("two ") && !seen.contains("second"),
        "{error}: {seen}"
    );
    assert_eq!(world.second.provider().received(), 0);
    assert!(world.warnings().is_empty());

    // Nor is what there is of it taken for a good answer later.
    world.first.kill().await;
    world.second.kill().await;
    let got = world.ask("a").await;
    assert_eq!(got.header.as_deref(), Some("fixed;reason=transport"));
}
