//! The rows without a response: real errors, from real sockets.

use std::error::Error;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conformance::responses;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tower::timeout::TimeoutLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_classify::{ClassifyLayer, classify_error};
use tower_steady_core::{BoxError, Class, Outcome};
use tower_steady_testkit::{Answer, Provider, client, client_h2};

type Body = Full<Bytes>;

fn post(url: &str) -> Request<Body> {
    Request::post(url)
        .body(Body::from(r#"{"model":"m"}"#))
        .unwrap()
}

/// One call through classify over `inner`.
async fn call<S, B>(inner: S, url: &str) -> Outcome
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes, Error: 'static>,
{
    let service = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(inner);
    Outcome::read(&service.oneshot(post(url)).await)
}

/// What a call over HTTP/1.1 to a server that plays `answer` comes to.
async fn over_http1(answer: Answer) -> Outcome {
    let server = Provider::new([answer]).serve().await.unwrap();
    call(client(), &server.url()).await
}

async fn over_h2(answer: Answer) -> Outcome {
    let server = Provider::new([answer]).serve().await.unwrap();
    call(client_h2(), &server.url()).await
}

#[track_caller]
fn is(outcome: &Outcome, class: Class, transient: bool, sent: bool) {
    let got = (outcome.class, outcome.transient, outcome.sent);
    assert_eq!(got, (class, transient, sent), "{outcome:?}");
}

/// Every row of the corpus without a response is one of the tests below.
#[tokio::test(start_paused = true)]
async fn rows_of_the_corpus() {
    for case in responses() {
        let Some(transport) = case.transport() else {
            continue;
        };
        let outcome = match transport {
            "body_incomplete" => cut_body().await,
            "decode_error" => undecodable().await,
            "dns_temporary" => no_address().await,
            "h2_goaway_refused_stream" => over_h2(Answer::refused_stream()).await,
            "h2_internal_error" => over_h2(Answer::reset_stream(2)).await,
            "builder_error" => bad_url().await,
            "read_timeout_headers" => no_head().await,
            "tls_bad_record_mac" => tls_alert(20).await,
            "redirect_loop" => redirects().await,
            other => panic!("no socket for {other}"),
        };
        for (field, got) in [
            ("class", json!(outcome.class.as_str())),
            ("retry", json!(outcome.transient)),
        ] {
            assert!(
                case.accepts(field, &got),
                "{}: {field} {got} {outcome:?}",
                case.id()
            );
        }
    }
}

/// A whole answer, of which the connection breaks in the middle.
async fn cut_body() -> Outcome {
    over_http1(Answer::ok_chat("Hello").cut_after(5)).await
}

async fn undecodable() -> Outcome {
    let server = Provider::new([Answer::new(200).body("{\"id\":")])
        .serve()
        .await
        .unwrap();
    let response = reqwest::get(server.url()).await.unwrap();
    classify_error(&response.json::<serde_json::Value>().await.unwrap_err())
}

/// A resolver that fails, as one does that cannot reach its server, and TCP as ever.
async fn no_address() -> Outcome {
    let resolver = service_fn(|_| {
        ready(Err::<std::vec::IntoIter<SocketAddr>, _>(
            std::io::Error::other("Temporary failure in name resolution"),
        ))
    });
    let connector = HttpConnector::new_with_resolver(resolver);
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    call(client, "http://provider.test/").await
}

async fn bad_url() -> Outcome {
    call(client(), "/v1/chat/completions").await
}

async fn no_head() -> Outcome {
    let server = Provider::new([Answer::hang()]).serve().await.unwrap();
    let inner = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(20)))
        .service(client());
    call(inner, &server.url()).await
}

async fn redirects() -> Outcome {
    let server = Provider::new([Answer::new(302).header("location", "/")])
        .serve()
        .await
        .unwrap();
    classify_error(&reqwest::get(server.url()).await.unwrap_err())
}

/// A TLS peer that answers with a fatal alert.
async fn tls_alert(description: u8) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut hello = [0; 1024];
        let read = socket.read(&mut hello).await.unwrap();
        assert!(read > 0);
        // RFC 8446 section 6: content type 21, two bytes, level fatal.
        socket
            .write_all(&[21, 3, 3, 0, 2, 2, description])
            .await
            .unwrap();
        std::future::pending().await
    };
    over_tls(server, address).await
}

/// One call over TLS to `address`, trusting nobody in particular.
async fn over_tls(server: impl Future<Output = ()>, address: SocketAddr) -> Outcome {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let url = format!("https://localhost:{}/", address.port());
    tokio::select! {
        outcome = call(client, &url) => outcome,
        () = server => unreachable!("a server goes on"),
    }
}

#[tokio::test]
async fn refused_connection_was_never_sent() {
    let server = Provider::new([Answer::hang()]).serve().await.unwrap();
    server.kill().await;
    is(
        &call(client(), &server.url()).await,
        Class::Transport,
        true,
        false,
    );
}

#[tokio::test]
async fn connection_reset_before_the_request_went_out_was_never_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut hello = [0; 1024];
        assert!(socket.read(&mut hello).await.unwrap() > 0);
        // Without lingering, dropping is a reset.
        socket.set_zero_linger().unwrap();
        drop(socket);
        std::future::pending().await
    };
    is(
        &over_tls(server, address).await,
        Class::Transport,
        true,
        false,
    );
}

#[tokio::test]
async fn connection_closed_or_reset_after_the_request_may_have_been_processed() {
    is(
        &over_http1(Answer::closed()).await,
        Class::Transport,
        true,
        true,
    );
    is(
        &over_http1(Answer::reset()).await,
        Class::Transport,
        true,
        true,
    );
    is(
        &over_http1(Answer::new(200).cut_in_head(9)).await,
        Class::Transport,
        true,
        true,
    );
}

#[tokio::test]
async fn cut_answer_may_have_been_processed() {
    is(&cut_body().await, Class::Transport, true, true);
}

#[tokio::test]
async fn refused_stream_was_certainly_not_processed_and_others_may_have_been() {
    is(
        &over_h2(Answer::refused_stream()).await,
        Class::Transport,
        true,
        false,
    );
    for code in [1, 2, 7 + 1, 11] {
        is(
            &over_h2(Answer::reset_stream(code)).await,
            Class::Transport,
            true,
            true,
        );
    }
}

/// A server that takes the connection and then says GOAWAY, with no stream processed.
async fn go_away(reason: u8) -> Outcome {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(&SETTINGS).await.unwrap();
        let mut seen = Vec::new();
        // Until the first HEADERS frame (RFC 9113 section 6.2) has come.
        while !seen.windows(4).any(|bytes| bytes == [1, 4, 0, 0]) {
            socket.read_buf(&mut seen).await.unwrap();
        }
        let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, reason];
        socket.write_all(&go_away).await.unwrap();
        std::future::pending().await
    };
    tokio::select! {
        outcome = call(client_h2(), &url) => outcome,
        () = server => unreachable!("a server goes on"),
    }
}

#[tokio::test]
async fn graceful_goaway_leaves_its_later_streams_unprocessed() {
    is(&go_away(0).await, Class::Transport, true, false);
    // ENHANCE_YOUR_CALM: not graceful, and so no promise.
    is(&go_away(11).await, Class::Transport, true, true);
}

#[tokio::test]
async fn unsendable_request_is_the_callers_fault() {
    is(&bad_url().await, Class::InvalidRequest, false, false);
}

#[tokio::test]
async fn name_that_does_not_resolve_was_never_sent() {
    is(&no_address().await, Class::Transport, true, false);
}

#[tokio::test(start_paused = true)]
async fn timer_leaves_open_whether_it_was_processed() {
    is(&no_head().await, Class::Timeout, true, true);
}

#[tokio::test(start_paused = true)]
async fn connection_that_times_out_was_never_sent() {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(20)));
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let (address, _full) = full_backlog();
    let outcome = call(client, &format!("http://{address}/")).await;
    is(&outcome, Class::Timeout, true, false);
}

/// A listener that accepts nobody, with more callers than its queue takes: the next one gets no answer.
fn full_backlog() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let mut caller = Box::pin(TcpStream::connect(address));
            let _ = caller.as_mut().now_or_never();
            caller
        })
        .collect();
    (address, (listener, callers))
}

#[tokio::test]
async fn bad_certificate_is_final_and_a_bad_record_is_not() {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (socket, _) = listener.accept().await.unwrap();
        // The client hangs up when it has seen the certificate.
        let _ = acceptor.accept(socket).await;
        std::future::pending().await
    };
    is(
        &over_tls(server, address).await,
        Class::Transport,
        false,
        false,
    );

    // handshake_failure, protocol_version, unknown_ca: the two will not come together.
    for alert in [40, 70, 48] {
        is(&tls_alert(alert).await, Class::Transport, false, false);
    }
    for alert in [20, 80] {
        let outcome = tls_alert(alert).await;
        assert!(outcome.transient && !outcome.sent, "{outcome:?}");
    }
}

#[tokio::test]
async fn original_error_stays_usable() {
    let service = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(client());
    let server = Provider::new([Answer::closed()]).serve().await.unwrap();
    let error = service.oneshot(post(&server.url())).await.unwrap_err();
    let mut source: Option<&(dyn Error + 'static)> = Some(&*error);
    let mut incomplete = false;
    while let Some(error) = source {
        incomplete |= error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message);
        source = error.source();
    }
    assert!(incomplete);
}

#[tokio::test]
async fn whole_error_body_gives_its_connection_back_before_it_is_read() {
    let server = Provider::new([Answer::insufficient_quota(), Answer::ok_chat("Hello")])
        .serve()
        .await
        .unwrap();
    let client = client::<Body>();
    let mut service = ServiceBuilder::new()
        .layer(ClassifyLayer::new())
        .service(client);
    let refused = service
        .ready()
        .await
        .unwrap()
        .call(post(&server.url()))
        .await
        .unwrap();
    assert!(refused.extensions().get::<Outcome>().unwrap().whole);
    let answered = service
        .ready()
        .await
        .unwrap()
        .call(post(&server.url()))
        .await
        .unwrap();
    assert_eq!(answered.status(), 200);
    assert_eq!(
        server.accepted(),
        1,
        "the second call took the first one's connection"
    );
    drop(refused);
}
