//! The loop that most programs have.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::client::HttpClient;

const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Retries whatever is not a success, up to five tries, a second apart. Returns the sends.
pub(crate) async fn call(client: &HttpClient, request: impl Fn() -> Request<Full<Bytes>>) -> usize {
    for sent in 1..TRIES {
        let answer = client.clone().oneshot(request()).await;
        if answer.is_ok_and(|response| response.status().is_success()) {
            return sent;
        }
        sleep(PAUSE).await;
    }
    // The last answer is the caller's, whatever it is.
    let _ = client.clone().oneshot(request()).await;
    TRIES
}
