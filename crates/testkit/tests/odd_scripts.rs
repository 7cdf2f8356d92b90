//! Nothing that a script says makes the server panic. Alone in its binary: it counts the panics of
//! the whole process, those of the server's tasks among them.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tower_steady_testkit::{Answer, Provider, Server, client, client_h2};

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn request(server: &Server) -> Request<Full<Bytes>> {
    Request::post(server.url()).body(Full::from("{}")).unwrap()
}

#[tokio::test]
async fn odd_scripts_are_answered_and_never_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        print(info);
    }));
    let long = "x".repeat(100_000);
    for (answer, status) in [
        (Answer::new(1000), 500),
        (Answer::new(42), 500),
        (Answer::new(200).header("no name", "x"), 500),
        (Answer::new(200).header("x", "line\nbreak"), 500),
        (Answer::new(204).body("a body where none may be"), 204),
        (Answer::new(304).body("a body where none may be"), 304),
        (
            Answer::new(200)
                .header("content-length", "3")
                .body("longer"),
            200,
        ),
        (
            Answer::new(200)
                .header("content-length", "300")
                .body("shorter"),
            200,
        ),
        (
            Answer::new(200).header("content-length", "many").body("x"),
            200,
        ),
        (
            Answer::new(200)
                .header("transfer-encoding", "chunked")
                .body("x"),
            200,
        ),
        (Answer::new(200).header("x-long", long).body("x"), 200),
        (
            Answer::new(200).header("connection", "close").body("x"),
            200,
        ),
        (
            Answer::new(200)
                .cut_after(u64::MAX)
                .hang_after(0)
                .cut_in_head(u64::MAX),
            200,
        ),
        (
            Answer::new(200)
                .chunk("")
                .chunk("")
                .trailer("grpc-status", "0"),
            200,
        ),
        (Answer::new(101).body("switch"), 0),
        (Answer::new(199), 0),
    ] {
        for (http, client) in [("h1", client()), ("h2", client_h2())] {
            let server = Provider::new([answer.clone(), Answer::new(200)])
                .serve()
                .await
                .unwrap();
            // What cannot be sent at all may fail.
            let first = client.request(request(&server)).await;
            if let (Ok(first), 1..) = (first, status) {
                assert_eq!(first.status().as_u16(), status, "{http} {answer:?}");
                let _ = first.into_body().collect().await;
            }
            let next = self::client().request(request(&server)).await.unwrap();
            assert_eq!(next.status(), StatusCode::OK, "{http} {answer:?}");
        }
    }
    let server = Provider::new(Vec::<Answer>::new()).serve().await.unwrap();
    let response = client().request(request(&server)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}
