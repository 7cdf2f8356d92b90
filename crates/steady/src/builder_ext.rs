use tower::ServiceBuilder;

/// A method a layer, in the trait and in its only implementation. Attributes go to both: a method
/// that is not there because of its feature is not there in either.
macro_rules! methods {
    ($($(#[$about:meta])* $method:ident($($arg:ident: $Arg:ident)?) -> $layer:ty = $make:expr;)*) => {
        /// The layers with their documented defaults, as methods of [`ServiceBuilder`], so that a
        /// stack reads as one line a layer.
        ///
        /// Each method is named after its layer and is there with that layer's feature. A layer with
        /// settings, or one that is shared between stacks, goes in at the same place with
        /// [`ServiceBuilder::layer`]; both mix.
        ///
        /// The order is the caller's, outermost first. This is the canonical one, all of it:
        ///
        #[cfg_attr(
            all(feature = "presets", feature = "error-response"),
            doc = r#"
```
use std::time::Duration;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt};
use tower_steady::ServiceBuilderExt as _;
use tower_steady::circuit_breaker::{CircuitBreakerLayer, State};
use tower_steady_testkit::{Answer, Provider};

# #[tokio::main(flavor = "current_thread", start_paused = true)]
# async fn main() -> Result<(), Box<dyn std::error::Error>> {
let provider = Provider::new([Answer::overloaded(), Answer::ok_chat("Hello")]);

// Kept apart, so that its handle can be asked.
let breaker = CircuitBreakerLayer::builder().open_for(Duration::from_secs(20)).build()?;
let handle = breaker.handle();

let client = ServiceBuilder::new()
    .error_response()
    .replay_body()
    .deadline()
    .backoff_jitter()
    .retry_budget()
    .pause()
    .layer(breaker)
    .attempt_timeout()
    .retry_after()
    .classify()
    .service(provider.service());

let request = Request::post("http://provider.test/v1/chat/completions").body(Full::<Bytes>::from("{}"))?;
assert_eq!(client.oneshot(request).await?.status(), 200);
assert_eq!((provider.received(), handle.state()), (2, State::Closed));
# Ok(())
# }
```
"#
        )]
        pub trait ServiceBuilderExt<L>: sealed::Sealed<L> + Sized {
            $(
                $(#[$about])*
                fn $method$(<$Arg>)?(self $(, $arg: $Arg)?) -> ServiceBuilder<tower_layer::Stack<$layer, L>>;
            )*
        }

        impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
            $(
                $(#[$about])*
                fn $method$(<$Arg>)?(self $(, $arg: $Arg)?) -> ServiceBuilder<tower_layer::Stack<$layer, L>> {
                    self.layer($make)
                }
            )*
        }
    };
}

methods! {
    /// Turns what is an error below into a response. See
    /// [`ErrorResponseLayer`](crate::error_response::ErrorResponseLayer).
    #[cfg(feature = "error-response")]
    error_response() -> crate::error_response::ErrorResponseLayer
        = crate::error_response::ErrorResponseLayer::new();

    /// Makes request bodies of up to 2 MiB repeatable. See
    /// [`ReplayLayer`](crate::replay_body::ReplayLayer).
    #[cfg(feature = "replay-body")]
    replay_body() -> crate::replay_body::ReplayLayer
        = crate::replay_body::ReplayLayer::new();

    /// Keeps the deadline that the caller brings, in a note or in `grpc-timeout`; it has none of its
    /// own. See [`DeadlineLayer`](crate::deadline::DeadlineLayer).
    #[cfg(feature = "deadline")]
    deadline() -> crate::deadline::DeadlineLayer
        = crate::deadline::DeadlineLayer::new();

    /// Answers from `source` when nothing worked. See
    /// [`FallbackLayer`](crate::fallback::FallbackLayer).
    #[cfg(feature = "fallback")]
    fallback(source: Src) -> crate::fallback::FallbackLayer<Src>
        = crate::fallback::FallbackLayer::new(source);

    /// Calls again, later: 5 attempts in all. See
    /// [`RetryLayer`](crate::backoff_jitter::RetryLayer).
    ///
    /// Not `retry`: that is [`ServiceBuilder`]'s own.
    #[cfg(feature = "backoff-jitter")]
    backoff_jitter() -> crate::backoff_jitter::RetryLayer
        = crate::backoff_jitter::RetryLayer::new();

    /// Retries are paid from successes. See
    /// [`RetryBudgetLayer`](crate::retry_budget::RetryBudgetLayer).
    #[cfg(feature = "retry-budget")]
    retry_budget() -> crate::retry_budget::RetryBudgetLayer
        = crate::retry_budget::RetryBudgetLayer::new();

    /// Hard limits on what retries may cost, with the defaults of
    /// [`SpendLayer`](crate::retry_budget::SpendLayer).
    #[cfg(feature = "retry-budget")]
    spend() -> crate::retry_budget::SpendLayer
        = crate::retry_budget::SpendLayer::new();

    /// One rate limit pauses every call to the same host. See
    /// [`PauseLayer`](crate::retry_after::PauseLayer).
    #[cfg(feature = "retry-after")]
    pause() -> crate::retry_after::PauseLayer
        = crate::retry_after::PauseLayer::new();

    /// One circuit for all calls, which five failures in a row open. See
    /// [`CircuitBreakerLayer`](crate::circuit_breaker::CircuitBreakerLayer).
    #[cfg(feature = "circuit-breaker")]
    circuit_breaker() -> crate::circuit_breaker::CircuitBreakerLayer
        = crate::circuit_breaker::CircuitBreakerLayer::new();

    /// Bounds each attempt. See
    /// [`AttemptTimeoutLayer`](crate::deadline::AttemptTimeoutLayer).
    #[cfg(feature = "deadline")]
    attempt_timeout() -> crate::deadline::AttemptTimeoutLayer
        = crate::deadline::AttemptTimeoutLayer::new();

    /// Reads when the server wants us back. See
    /// [`RetryAfterLayer`](crate::retry_after::RetryAfterLayer).
    #[cfg(feature = "retry-after")]
    retry_after() -> crate::retry_after::RetryAfterLayer
        = crate::retry_after::RetryAfterLayer::new();

    /// Says what happened. See [`ClassifyLayer`](crate::classify::ClassifyLayer).
    #[cfg(feature = "classify")]
    classify() -> crate::classify::ClassifyLayer
        = crate::classify::ClassifyLayer::new();
}

mod sealed {
    pub trait Sealed<L> {}
    impl<L> Sealed<L> for tower::ServiceBuilder<L> {}
}
