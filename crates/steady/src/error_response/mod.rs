//! An answer for every error, so that a stack can be served.
//!
//! A server's route must answer something where the stack in it has an error: axum's
//! `Router::route_service` takes services whose error is [`Infallible`](std::convert::Infallible)
//! alone. [`ErrorResponseLayer`] stands outside of the stack, passes every response through as it is,
//! and makes a response of an error. Nothing is boxed, and it needs `http` and no web framework.
//!
//! | what happened | status |
//! |---|---|
//! | a layer here refused the call: open circuit, pause, budget, spend | 503 |
//! | the deadline of the call left no room, or the provider did not answer in time | 504 |
//! | the provider's error came as one: rate limited | 429 |
//! | overloaded | 503 |
//! | the request cannot be sent as it is | 500 |
//! | everything else, among it all failures of the connection | 502 |
//!
//! `Retry-After` (whole seconds, rounded up) is there where a time is known: how long the circuit stays
//! open, the pause lasts, or the provider asked for. The body is a small JSON object of fixed words and
//! numbers, with nothing in it from the request, the error's text, or the provider:
//!
//! ```json
//! {"error":{"type":"rejected","reason":"circuit_open","message":"the provider is not being called right now","attempts":0,"retry_after_ms":20000}}
//! ```
//!
//! The response carries the [`Outcome`](crate::Outcome) and the [`Report`](crate::Report), as any other
//! of the stack, and the error itself as [`OriginalError`] for a log; these never leave the process.
//!
//! Where a handler calls the stack itself, [`error_response()`] makes the same response of an error.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body};
//! use http::{Request, StatusCode, header::HOST};
//! use tower::{Layer, ServiceBuilder, ServiceExt};
//! use tower_steady::{Steady, error_response::ErrorResponseLayer};
//! use tower_steady_testkit::client;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let upstream = ServiceBuilder::new()
//!     .layer(ErrorResponseLayer::new())
//!     .map_request(|mut request: Request<Body>| {
//!         // Nobody listens there.
//!         *request.uri_mut() = "http://127.0.0.1:9/v1/chat/completions".parse().unwrap();
//!         request.headers_mut().remove(HOST); // it names this server
//!         request
//!     })
//!     .layer(Steady::interactive().with_any_body())
//!     .service(client());
//! let app = Router::new().route_service("/chat", upstream);
//!
//! let answer = app.oneshot(Request::post("/chat").body(Body::from("{}")).unwrap()).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
//! # }
//! ```

mod answer;
mod body;
mod future;
mod layer;
mod service;

pub use self::answer::{OriginalError, error_response};
pub use self::body::ResponseBody;
pub use self::future::ResponseFuture;
pub use self::layer::ErrorResponseLayer;
pub use self::service::ErrorResponse;
