//! One refusal stops every call of its key.
//!
//! A rate limit is shared by all callers of a key, but each of them would learn of it by a refusal of
//! its own; many providers count those calls too, and then callers that each obey their own
//! `Retry-After` to the letter never get through. And a crowd that was told the same moment returns in
//! that moment, which is the next refusal. So the layer does three things:
//!
//! 1. **Stop.** An outcome of the classes `rate_limited` or `overloaded` that carries a wait pauses its
//!    key. Several of them merge by the latest end. New calls of the key wait; what was sent already
//!    goes on.
//! 2. **Release.** When the pause is over, calls go one by one in the order of their arrival, at a pace
//!    that begins with what the key achieved before (all of it where nine in ten of the calls in flight
//!    were accepted, else half of the accepted; one a second if nothing is known), grows with successes
//!    and is halved by a refusal (AIMD, as TCP does it; every number is a setting of the
//!    [`PauseBuilder`] or stands with its source in `pacer.rs`). Of those who waited for a second or
//!    longer, at most a tenth goes in any 100 ms. One refusal in fifty calls is taken for chance and
//!    changes no pace; a limit is known once the pace was halved twice, and until then it is back within
//!    some three seconds.
//! 3. **Let go.** After ten calm seconds, in which nobody had to wait and nothing was refused, the key
//!    is free again. What it learned of the rate is where the next release begins.
//!
//! A call looks again whether its key is paused when its turn has come and the service is ready, in the
//! moment in which it is sent.
//!
//! # What a waiting call holds
//!
//! Its request, and nothing else: no permit, no slot of a concurrency limit, no readiness. Waiting is
//! done by the future, on a clone of the service that becomes ready when the turn has come; the service
//! that was called is replaced by a clone as well, which lets go of what `poll_ready` had reserved.
//! Dropping the future at any time hands its place on. A turn that is not taken within two seconds,
//! for nobody polls the future, goes to the next; once it is polled it has its place again.
//!
//! # What ends the waiting early
//!
//! A call fails with [`Paused`], with the time left on it, as soon as it is *certain* that it cannot go
//! before nine tenths of the time until its [`Deadline`](tower_steady_core::Deadline) are over or
//! within `max_wait`; when it has waited that long; and when too many wait already: `max_waiting` calls,
//! or, where the limit is known, more than it lets pass in half of the time that this call has.
//! Otherwise, of more calls than the limit lets pass, each would wait until it had no time left for its
//! answer. The failure is an outcome of the class `rejected` with a veto, so no retry layer tries again.
//! `max_wait(Duration::ZERO)` never waits: fail fast.
//!
//! # A quota that resets tomorrow
//!
//! A wait over `max_pause` (60 s) is not a pause. It is mostly one quota of several behind the same
//! host, of one model or one account, and nobody is to stand still for it until tomorrow. The refusal
//! passes up with its wait, which the retry layer takes for "fail now", and later calls are sent: each
//! gets the provider's own word, with the time left on its outcome, and goes through as soon as the
//! quota is raised.
//!
//! # What the key is
//!
//! By default the host and port of the URI ([`ByHost`](tower_steady_core::key::ByHost)). It is there in
//! every stack, while the API key often is not yet: what authenticates stands next to the client,
//! further in. It is no secret, and it costs less than hashing one: a service compares it with that of
//! its call before. It keeps the last four that it had, and makes one anew, with an allocation, only
//! where it is none of them; a clone begins with none. But it makes all API keys and models of a host
//! wait for each other. Where one stack serves several of them, tell them apart:
//!
//! ```
//! use http::request::Parts;
//! use tower_steady_core::key::{ByHost, BySecret, RequestKey};
//! use tower_steady_retry_after::PauseLayer;
//!
//! // Hashed under a key of this process; never kept, printed or logged.
//! let account = BySecret::api_key();
//! let pause = PauseLayer::builder()
//!     .key(move |parts: &Parts| (ByHost.key(parts), account.key(parts)))
//!     .build()?;
//! # Ok::<(), tower_steady_core::ConfigError>(())
//! ```
//!
//! # Limits
//!
//! Each refusal with a wait stops its key for that long, one by chance too. A server that refuses one
//! call in a hundred by chance and asks for a second each time gets no more than some hundred calls a
//! second.
//!
//! One process knows its own pauses only. Several that share a limit find their shares by AIMD, for
//! which the limit needs some burst: against a strict one (burst of one) they lose much of it to
//! collisions.

pub(crate) mod book;
mod caller;
pub(crate) mod chance;
mod clock;
pub(crate) mod config;
pub(crate) mod crowd;
mod error;
pub(crate) mod flight;
mod future;
mod handle;
mod layer;
pub(crate) mod line;
pub(crate) mod pacer;
mod service;
pub(crate) mod slot;
mod verdict;
mod waiting;

pub use self::config::PauseBuilder;
pub use self::error::{Paused, PausedReason};
pub use self::future::ResponseFuture;
pub use self::handle::{PauseHandle, PauseSnapshot, PausedKey};
pub use self::layer::PauseLayer;
pub use self::service::Pause;
