//! An LLM provider that misbehaves to a script.
//!
//! Tests of retries, circuit breakers and timeouts need a server that answers 429, hangs, cuts a
//! stream in the middle, goes away and comes back, each at the right moment, and that remembers what it
//! was sent. This crate is that server, for the tests of `tower-steady` and for those of its users.
//!
//! A [`Provider`] plays a [`Script`] of [`Answer`]s, one per request, and keeps a record of every
//! [`Call`]. It has two homes:
//!
//! | home | what | for |
//! |---|---|---|
//! | [`Provider::service`] | a `tower::Service`, no sockets | tests on tokio's paused clock: days in no time |
//! | [`Provider::serve`] | a [`Server`] on loopback, HTTP/1.1 and HTTP/2 | real clients, real connections, outages |
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::{BodyExt, Full};
//! use std::time::Duration;
//! use tower::ServiceExt;
//! use tower_steady_testkit::{Answer, Provider, client};
//!
//! fn chat(base: &str) -> Request<Full<Bytes>> {
//!     let body = Full::from(r#"{"model":"gpt-4o-mini"}"#);
//!     Request::post(format!("{base}/v1/chat/completions")).body(body).unwrap()
//! }
//!
//! let provider = Provider::new([
//!     Answer::rate_limited().retry_after(2),
//!     Answer::ok_chat("Hello").delay(Duration::from_secs(30)),
//! ]);
//!
//! // Without sockets, on the paused clock.
//! let refused = provider.service().oneshot(chat("http://provider")).await.unwrap();
//! assert_eq!(refused.status(), 429);
//! assert_eq!(refused.headers()["retry-after"], "2");
//!
//! // Over TCP, with a real client.
//! let server = provider.serve().await.unwrap();
//! let answer = client().request(chat(&server.url())).await.unwrap();
//! assert!(answer.into_body().collect().await.unwrap().to_bytes().ends_with(b"}"));
//!
//! // What it received.
//! let calls = provider.calls();
//! assert_eq!(calls[1].model().as_deref(), Some("gpt-4o-mini"));
//! assert_eq!(calls[1].connection, Some(1));
//! # }
//! ```
//!
//! # What can go wrong, and how to say it
//!
//! | phase | answer |
//! |---|---|
//! | connecting | [`Server::kill`], [`Server::restart`]; [`Answer::refused`] without sockets |
//! | sending the request | [`Answer::after_reading`] with a cut or [`Answer::before_body`] |
//! | waiting for the head | [`Answer::delay`], [`Answer::hang`], [`Answer::closed`], [`Answer::reset`], [`Answer::reset_stream`] |
//! | in the head | [`Answer::cut_in_head`] |
//! | in the body | [`Answer::pace`], [`Answer::cut_after`], [`Answer::hang_after`] |
//! | in a stream | [`Sse`]: late errors, [`Sse::wait`], [`Sse::cut`], [`Sse::hang`] |
//! | in trailers | [`Answer::trailer`], [`Answer::grpc_then`] |
//!
//! Beside it: [`client()`] and [`client_h2`], hyper-util clients for a test; [`Capture`], what was traced, and
//! [`EventTable`], what was to be; [`cancel`], dropping a future at every poll. This crate traces nothing itself.

mod answer;
mod anthropic;
mod body;
pub mod cancel;
mod capture;
mod client;
mod event_table;
mod grpc;
mod openai;
mod play;
mod provider;
mod record;
mod script;
mod server;
mod service;
mod sse;
mod wire;

pub use self::answer::Answer;
pub use self::body::AnswerBody;
pub use self::capture::{Capture, Captured};
pub use self::client::{client, client_h2};
pub use self::event_table::EventTable;
pub use self::provider::Provider;
pub use self::record::{Call, Progress};
pub use self::script::Script;
pub use self::server::Server;
pub use self::service::{ProviderService, ResponseFuture};
pub use self::sse::Sse;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
