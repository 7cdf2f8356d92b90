//! What happened to a call to an LLM provider, and is another try worth it?
//!
//! A status alone does not say: a 429 may be a rate limit that is gone in six milliseconds, or an
//! exhausted quota that only a payment helps; a 400 may be a throttle and a 413 a rate limit that no
//! wait moves; a 200 may be an error. [`ClassifyLayer`] looks at status, headers, the error's body, the
//! start of a stream and the errors of the transport, and leaves an [`Outcome`] on the result for the
//! layers further out. It decides nothing itself.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{BoxError, ServiceBuilder, ServiceExt};
//! use tower_steady_classify::ClassifyLayer;
//! use tower_steady_core::{Class, Outcome};
//!
//! const BODY: &str = r#"{"error":{"code":"insufficient_quota","message":"Check your plan."}}"#;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let client = ServiceBuilder::new()
//!     .layer(ClassifyLayer::new())
//!     .service_fn(|_: Request<()>| async {
//!         Response::builder().status(429).body(Full::<Bytes>::from(BODY))
//!     });
//! let answer = client.oneshot(Request::new(())).await;
//!
//! // A success may carry no note, and is read as one.
//! let outcome = Outcome::read(&answer);
//! assert_eq!(outcome.class, Class::QuotaExhausted);
//! assert!(!outcome.transient);
//! assert_eq!(outcome.rule, Some("quota-code"));
//!
//! // The caller reads what the provider sent.
//! assert_eq!(answer?.into_body().collect().await?.to_bytes(), BODY);
//! # Ok(())
//! # }
//! ```
//!
//! # What is looked at
//!
//! | answer | look |
//! |---|---|
//! | 4xx, 5xx | the body, to its end, up to 64 KiB and 2 s ([`look_limit`], [`time_limit`]). Read to its end, it is `whole`: its connection is free before the caller has read a byte |
//! | 200, `text/event-stream`, NDJSON, `application/vnd.amazon.eventstream` | the events up to the first with output: pings, comments, acknowledgements, frames that are still empty and chunks without content are waited through. An error before output is an outcome like a status; output commits the stream. [`max_hold`] bounds the wait (by default a timer further out does) |
//! | 200, JSON | up to 4 KiB (or past them to the end of an `error`), for a top-level `error` ([`json_look`]); an event stream under that name is followed as one |
//! | 200, gRPC | `grpc-status` in the head, or in trailers that come instead of a message |
//! | no answer | the error and its sources ([`classify_error`]) |
//! | anything else, such as a 200 of another type or of none, whatever its body begins like | nothing: passed on as it is, without a note, an allocation or a clock |
//!
//! A 200 that streams carries a [`StreamOutcome`]. What comes after the head is written into it: the
//! terminal event, a late error, a stream cut before its terminal event, the status in gRPC's trailers.
//! That a clean end came too early shows where an end is known: `[DONE]` or a `finish_reason` (chat
//! completions), `message_stop` (Anthropic), `response.completed` and its like (Responses),
//! `message-end` (Cohere), a `finishReason` (Gemini), `done` (Ollama), `messageStop` (Bedrock).
//!
//! The caller gets the same bytes in the same chunks, the same trailers and the same error. Backpressure
//! is kept: nothing is read ahead of the look.
//!
//! # How it decides
//!
//! A body is reduced to [`Facts`]: the words for machines (`code`, `type`, `status`, `reason`,
//! `x-amzn-errortype`, …) and for people (`message`), wherever the envelope has them: in an object, a
//! string, an array, flat, inside `response.error` or `metadata.raw`, as JSON inside a string, or as a
//! gateway prints an exception (`Error code: 429 - {'error': …}`). Then
//! an ordered table of [rules](rules()) is asked, and the first that holds decides; its name stands in
//! [`Outcome::rule`]. Words for machines are compared whole. For a few statuses a short list of phrases
//! is looked for in the message alone, never in what the message quotes or shows (`Prompt: …`,
//! `messages[0].content: …`, `<<…>>`), for servers echo prompts (BerriAI/litellm#11455). An error inside a 200 has the status that it states, or else the one that its
//! code stands for. What no rule knows, and what cannot be parsed, is judged by its status.
//!
//! Own rules come first ([`UserRule`]); a built-in one can be [switched off](ClassifyBuilder::without_rule);
//! a [`Classifier`] of your own replaces them all. `x-should-retry` on a failed status has the last word on
//! another try, except over a named bill (which it can only make final) and over an own rule that says
//! [itself](UserRule::transient). [`classify_response`] does the same without the layer, for logs and tools.
//!
//! `Outcome::wait` is set to a wait that the *body* states. A sentence ("try again in 20s") counts only
//! where no header of the `retry-after` family says it more exactly; headers are the `retry-after` layer's, apart from
//! `grpc-retry-pushback-ms` beside a `grpc-status`, which may stand in trailers where no other layer looks.
//!
//! # Elsewhere in the stack
//!
//! Classify stands innermost, next to the client, so that every attempt is classified and all other layers
//! find the outcome. Outside of a retry layer it sees last answers alone. Outside of a decompression
//! layer it sees plain bodies; inside of one, the encoded: then the features `gzip`, `deflate`, `br` and
//! `zstd` undo the encoding for the look (at most 64 KiB come out, or the status decides), but a success in
//! a content encoding, stream or JSON, is not looked into. Twice in a stack, the outer one repeats the work
//! of the inner.
//!
//! The head of a streamed answer is held back until output begins. A layer outside that measures the time
//! to the head thereby measures the time to first output.
//!
//! Timers run only where a body makes us wait, on tokio's clock.
//!
//! # What it costs
//!
//! A 310-byte error body is read in 0.3 to 1.0 µs and without an allocation, the worst 64 KiB that we could
//! think of in 0.4 ms (`cargo bench -p tower-steady-classify`; a shared virtual machine, 2026-11-25). No
//! text is walked more than thrice for each of the four levels of JSON inside strings.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `hyper` | yes | errors of hyper and hyper-util's client by type |
//! | `tower` | yes | the `Elapsed` of tower's timeout |
//! | `gzip`, `deflate` | yes | encoded error bodies |
//! | `br`, `zstd` | | encoded error bodies |
//! | `h2` | | which HTTP/2 resets say that the request was not processed |
//! | `reqwest`, `rustls` | | their errors by type |
//! | `metrics` | | what is counted is [listed below](#metrics) |
//!
//! # Events
//!
//! | level | message | fields | when |
//! |---|---|---|---|
//! | DEBUG | `call failed` | `class`, `transient`, `status`, `rule`, `wait_ms`, `whole`, `request_id` | each response that is a failure |
//! | DEBUG | `call failed without a response` | `class`, `transient`, `rule`, `sent` | each error that nobody has classified yet |
//! | DEBUG | `stream failed` | `class`, `transient`, `rule` | after output had begun |
//! | ERROR | `authentication failed` | `class`, `status`, `rule`, `request_id` | the key is refused, once a call: an expired key wants a person, not a retry |
//!
//! The fields mean what they do [everywhere](tower_steady_core::event); those that are not known are left
//! out. Where the server wants a refused key to be tried again, the retry layer tells of it at the end.
//!
//! [`look_limit`]: ClassifyBuilder::look_limit
//! [`time_limit`]: ClassifyBuilder::time_limit
//! [`max_hold`]: ClassifyBuilder::max_hold
//! [`json_look`]: ClassifyBuilder::json_look
//! [`Outcome`]: tower_steady_core::Outcome
//! [`Outcome::rule`]: tower_steady_core::Outcome::rule
//! [`StreamOutcome`]: tower_steady_core::StreamOutcome
//!
//! # Metrics
//!
//! With the feature `metrics`, over the [`metrics`](https://docs.rs/metrics) facade:
//!
//! | name | kind | unit | labels | meaning |
//! |---|---|---|---|---|
//! | `gen_ai.client.operation.time_to_first_chunk` | histogram | s | `gen_ai.provider.name` | Time from an attempt's send to the first output of its stream. |
//! | `tower_steady.classify.stream_duration` | histogram | s | `error.type`, `gen_ai.provider.name` | Time from an attempt's send to the end of its stream, once output has begun. |
//! | `tower_steady.classify.failures` | counter | {attempt} | `class`, `gen_ai.provider.name` | Attempts that failed at their head, without one, or in a stream before its first output. |
//! | `tower_steady.classify.stream_failures` | counter | {attempt} | `class`, `gen_ai.provider.name` | Streams that failed after their head was passed on. |

mod body;
mod chunks;
mod classifier;
mod classify;
mod config;
mod decode;
mod events;
mod facts;
mod future;
mod layer;
mod metrics;
mod note;
mod peek;
mod provider;
mod rules;
mod service;
mod stream;
mod transport;

pub use self::body::ResponseBody;
pub use self::classifier::{Classifier, DefaultClassifier};
pub use self::classify::classify_response;
pub use self::config::ClassifyBuilder;
pub use self::facts::Facts;
pub use self::future::ResponseFuture;
pub use self::layer::ClassifyLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::{METRICS, describe_metrics};
pub use self::provider::Provider;
pub use self::rules::{RuleInfo, UserRule, rules};
pub use self::service::Classify;
pub use self::transport::classify_error;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
