//! The provider over TCP: what a real client sees of every fault, and what the server knows of it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tokio::time::{Instant, timeout};
use tower_steady_testkit::{Answer, Progress, Provider, Script, Server, Sse, client, client_h2};

type TestClient = Client<HttpConnector, Full<Bytes>>;

async fn serve(script: impl Into<Script>) -> Server {
    Provider::new(script).serve().await.unwrap()
}

fn request(server: &Server) -> Request<Full<Bytes>> {
    Request::post(format!("{}/v1/chat/completions", server.url()))
        .body(Full::from("{}"))
        .unwrap()
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, hyper::Error> {
    Ok(response.into_body().collect().await?.to_bytes())
}

fn clients() -> [(&'static str, TestClient); 2] {
    [("h1", client()), ("h2", client_h2())]
}

#[tokio::test]
async fn status_headers_and_body_arrive_as_scripted() {
    for (name, client) in clients() {
        let script = Answer::new(418)
            .header("x-many", "1")
            .header("x-many", "2")
            .body("short");
        let server = serve(script).await;
        let response = client.request(request(&server)).await.unwrap();
        assert_eq!(response.status(), 418, "{name}");
        assert_eq!(response.headers()["content-length"], "5", "{name}");
        assert_eq!(
            response.headers().get_all("x-many").iter().count(),
            2,
            "{name}"
        );
        assert_eq!(whole(response).await.unwrap(), "short", "{name}");

        let calls = server.provider().settled().await;
        assert_eq!(
            (calls[0].text(), calls[0].whole),
            ("{}".to_owned(), true),
            "{name}"
        );
        assert_eq!(calls[0].progress, Progress::Done, "{name}");
    }
}

#[tokio::test]
async fn a_cut_is_seen_in_the_phase_it_is_made_in() {
    let body = "0123456789";
    // name, answer, whether a head arrives, and how many bytes of the body
    let cases = [
        ("closed", Answer::closed(), None),
        ("reset", Answer::reset(), None),
        ("refused", Answer::refused(), None),
        (
            "in the head",
            Answer::new(200).body(body).cut_in_head(10),
            None,
        ),
        ("at once", Answer::new(200).body(body).cut_after(0), Some(0)),
        (
            "in the body",
            Answer::new(200).body(body).cut_after(4),
            Some(4),
        ),
        (
            "in the body, reset",
            Answer::new(200).body(body).cut_after(4).abruptly(),
            Some(4),
        ),
        (
            "in a chunk",
            Answer::new(200).chunk(body).chunk(body).cut_after(14),
            Some(14),
        ),
        (
            "before the last chunk",
            Answer::new(200).chunk(body).cut_after(10),
            Some(10),
        ),
        (
            "in a stream",
            Sse::new().raw("data: x\n\n").cut().into(),
            Some(9),
        ),
        (
            "after a pause",
            Answer::new(200)
                .chunk(body)
                .wait(Duration::from_millis(5))
                .cut_after(99),
            Some(10),
        ),
    ];
    for (name, answer, arrives) in cases {
        for (http, client) in clients() {
            let server = serve([answer.clone(), Answer::ok_chat("well again")]).await;
            let response = client.request(request(&server)).await;
            let arrived = match response {
                Err(_) => None,
                Ok(response) => {
                    let mut body = response.into_body();
                    let mut bytes = 0;
                    loop {
                        match body.frame().await {
                            Some(Ok(frame)) => bytes += frame.into_data().unwrap().len(),
                            Some(Err(_)) => break,
                            None => panic!("{name}, {http}: a clean end"),
                        }
                    }
                    Some(bytes)
                }
            };
            assert_eq!(arrived, arrives, "{name}, {http}");
            server.wait_for_open(0).await;

            // The connection is gone and the client makes a new one.
            let response = client.request(request(&server)).await.unwrap();
            assert_eq!(response.status(), 200, "{name}, {http}");
            assert_eq!(server.accepted(), 2, "{name}, {http}");
        }
    }
}

#[tokio::test]
async fn a_cut_behind_a_whole_body_takes_the_connection_only() {
    let server = serve(Answer::new(200).body("whole").cut_after(5)).await;
    let client = client();
    for sends in 1..=2 {
        let response = client.request(request(&server)).await.unwrap();
        assert_eq!(whole(response).await.unwrap(), "whole");
        server.wait_for_open(0).await;
        assert_eq!(server.accepted(), sends);
    }
}

#[tokio::test(start_paused = true)]
async fn delays_take_their_time_on_the_paused_clock() {
    for (http, client) in clients() {
        let answer = Answer::new(200)
            .delay(Duration::from_secs(20))
            .chunk("a")
            .wait(Duration::from_secs(300))
            .chunk("b");
        let server = serve(answer).await;
        let start = Instant::now();
        let response = client.request(request(&server)).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 20, "{http}");
        assert_eq!(whole(response).await.unwrap(), "ab", "{http}");
        assert_eq!(start.elapsed().as_secs(), 320, "{http}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_call_is_on_the_record_until_the_client_goes() {
    for (name, answer) in [
        ("before the head", Answer::hang()),
        (
            "in the body",
            Answer::new(200).body("0123456789").hang_after(4),
        ),
    ] {
        for (http, client) in clients() {
            let server = serve(answer.clone()).await;
            let call = async { whole(client.request(request(&server)).await.unwrap()).await };
            assert!(
                timeout(Duration::from_secs(60), call).await.is_err(),
                "{name}, {http}"
            );
            let calls = server.provider().settled().await;
            assert_eq!(calls[0].progress, Progress::Dropped, "{name}, {http}");
        }
    }
}

#[tokio::test]
async fn a_killed_server_refuses_and_comes_back_on_its_port() {
    for (http, client) in clients() {
        let server = serve(Answer::ok_chat("Hello")).await;
        let idle = client.request(request(&server)).await.unwrap();
        whole(idle).await.unwrap();
        assert_eq!(server.open(), 1, "{http}");

        server.kill().await;
        assert_eq!(server.open(), 0, "{http}");
        for _ in 0..3 {
            let error = client.request(request(&server)).await.unwrap_err();
            assert!(error.is_connect(), "{http}: {error:?}");
        }
        server.restart().await.unwrap();
        let response = client.request(request(&server)).await.unwrap();
        assert_eq!(response.status(), 200, "{http}");
        assert_eq!(server.accepted(), 2, "{http}");
    }
}

#[tokio::test]
async fn killing_cuts_what_is_under_way_and_stopping_lets_it_end() {
    for (http, client) in clients() {
        let server = serve(Answer::hang()).await;
        let call = tokio::spawn(client.request(request(&server)));
        server.provider().wait_for(1).await;
        server.kill().await;
        assert!(call.await.unwrap().is_err(), "{http}");
    }
    for (http, client) in clients() {
        let server = serve(
            Answer::new(200)
                .delay(Duration::from_millis(20))
                .body("whole"),
        )
        .await;
        let call = tokio::spawn(client.request(request(&server)));
        server.provider().wait_for(1).await;
        server.stop().await;
        let response = call.await.unwrap().unwrap();
        assert_eq!(whole(response).await.unwrap(), "whole", "{http}");
        assert!(
            client
                .request(request(&server))
                .await
                .unwrap_err()
                .is_connect(),
            "{http}"
        );
    }
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let server = serve(Answer::hang()).await;
    let provider = server.provider().clone();
    let request = request(&server);
    let call = tokio::spawn(client().request(request));
    provider.wait_for(1).await;
    drop(server);
    assert!(call.await.unwrap().is_err());
    assert_eq!(provider.settled().await[0].progress, Progress::Dropped);
}

#[tokio::test]
async fn trailers_and_stream_resets_are_for_http2() {
    let server = serve([
        Answer::grpc_then(b"message", 14, "unavailable"),
        Answer::grpc_error(8, "exhausted"),
        Answer::refused_stream(),
        Answer::reset_stream(0xb),
        Answer::grpc_ok(b"message"),
    ])
    .await;
    let client = client_h2();

    let response = client.request(request(&server)).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "14");
    assert_eq!(collected.to_bytes(), "\0\0\0\0\x07message");

    let response = client.request(request(&server)).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");

    for reason in [h2::Reason::REFUSED_STREAM, h2::Reason::ENHANCE_YOUR_CALM] {
        let error = client.request(request(&server)).await.unwrap_err();
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut found = None;
        while let Some(error) = source {
            found = error.downcast_ref::<h2::Error>().or(found);
            source = error.source();
        }
        assert_eq!(found.unwrap().reason(), Some(reason));
    }
    client.request(request(&server)).await.unwrap();
    assert_eq!(server.accepted(), 1, "one connection outlives it all");
}

/// The upload is larger than what the sockets between them hold.
const UPLOAD: usize = 10 << 20;

fn upload(server: &Server) -> Request<Full<Bytes>> {
    let body = Full::from(vec![b'x'; UPLOAD]);
    Request::post(server.url()).body(body).unwrap()
}

#[tokio::test]
async fn a_large_upload_arrives_whole() {
    for (http, client) in clients() {
        let server = serve(Answer::new(200)).await;
        client.request(upload(&server)).await.unwrap();
        assert_eq!(server.calls()[0].body.len(), UPLOAD, "{http}");
    }
}

#[tokio::test]
async fn an_upload_can_be_cut_in_its_middle() {
    for answer in [Answer::closed(), Answer::reset()] {
        for (http, client) in clients() {
            let server = serve(answer.clone().after_reading(1 << 20)).await;
            client.request(upload(&server)).await.unwrap_err();
            let call = &server.provider().settled().await[0];
            assert!((1 << 20..UPLOAD).contains(&call.body.len()), "{http}");
            assert!(!call.whole, "{http}");
        }
    }
}

#[tokio::test]
async fn an_answer_before_the_upload_is_read_reaches_an_http2_client() {
    let server = serve(Answer::new(413).body("too large").before_body()).await;
    let response = client_h2().request(upload(&server)).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(whole(response).await.unwrap(), "too large");
    assert!(server.calls()[0].body.is_empty());
}
