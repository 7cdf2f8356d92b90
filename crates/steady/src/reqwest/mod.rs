//! A [`reqwest::Client`] as the client below a stack.
//!
//! reqwest has request and response types of its own, and the layers speak `http`'s.
//! [`ReqwestService`] stands between: a `Service<http::Request<B>>` for any body, streamed in both
//! directions (one that is there whole is handed over as it is), with reqwest's own errors. `classify` (with the feature `reqwest`, which this one
//! switches on) tells them apart by type: a connection that was not made, a timeout, a body that
//! failed, a request that cannot be built.
//!
//! What reqwest does by itself is best left to the stack: give the client no
//! [`timeout`](::reqwest::ClientBuilder::timeout) (it also cuts off streams that are alive) and switch
//! its [retries](::reqwest::ClientBuilder::retry) off. Its pool, TLS, proxies, redirects and
//! decompression work as ever. A redirect that wants the request's body again (307, 308) is followed with a
//! body that is in memory in one piece; where it is streamed, the redirect is the answer.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "presets")]
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), tower_steady::BoxError> {
//! use http::Request;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_steady::{Steady, reqwest::ReqwestService};
//! use tower_steady_testkit::{Answer, Provider};
//!
//! let server = Provider::new([Answer::overloaded(), Answer::ok_chat("Hello")]).serve().await?;
//!
//! let client = reqwest::Client::builder().retry(reqwest::retry::never()).build()?;
//! let llm = ServiceBuilder::new()
//!     .layer(Steady::interactive())
//!     .service(ReqwestService::new(client));
//!
//! let request = Request::post(format!("{}/v1/chat/completions", server.url()))
//!     .body(r#"{"model": "m", "messages": []}"#.to_owned())?;
//! let answer = llm.oneshot(request).await?;
//!
//! assert_eq!(answer.status(), 200);
//! assert_eq!(server.calls().len(), 2);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "presets"))]
//! # fn main() {}
//! ```

mod body;
mod future;
mod service;

pub use self::future::ResponseFuture;
pub use self::service::ReqwestService;
