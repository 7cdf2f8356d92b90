use tower_layer::{Identity, Layer};

use crate::{Inspect, SteadyHandle};

/// The whole stack as one layer, in the canonical order, every slot replaceable.
///
/// Outermost first:
///
/// ```text
/// replay → deadline → fallback → retry → budget → pause → breaker → timeouts → hints → classify → client
/// ```
///
/// Start from a preset ([`Steady::interactive`], [`Steady::background`]), swap a slot with its
/// `with_` method, leave one out by putting [`Identity`] there. `replay` and `fallback` are empty in
/// the presets; [`Steady::with_replay`] is what a stack in an axum or tonic app needs, whose request
/// bodies cannot be sent twice by themselves.
///
/// Cloning a stack, and laying it over two services, shares its state: two routes share a breaker
/// exactly when they share the layer value.
///
/// Its service's type has a name for each layer, and the compiler's work grows steeply where stacks are
/// laid over each other. Put a box between two, and wherever the type has to be written down:
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower::ServiceBuilder;
/// use tower::util::BoxCloneSyncServiceLayer;
/// use tower_steady::Steady;
/// # use http::{Request, Response};
/// # let client = tower::service_fn(async |_: Request<Full<Bytes>>| {
/// #     Ok::<_, tower_steady::BoxError>(Response::new(Full::<Bytes>::default()))
/// # });
///
/// let service = ServiceBuilder::new()
///     .layer(BoxCloneSyncServiceLayer::new(Steady::interactive()))
///     .layer(BoxCloneSyncServiceLayer::new(Steady::background()))
///     .service(client);
/// # async fn call<S: tower::Service<Request<Full<Bytes>>>>(_: S) {}
/// # drop(call(service));
/// ```
#[derive(Clone, Debug)]
pub struct Steady<
    Replay = Identity,
    Deadline = crate::Deadlines,
    Fallback = Identity,
    Retry = crate::Retries,
    Budget = crate::Budget,
    Pause = crate::Pauses,
    Breaker = crate::Breakers,
    Timeouts = crate::Timeouts,
    Hints = crate::Hints,
    Classify = crate::Classes,
> {
    pub(crate) replay: Replay,
    pub(crate) deadline: Deadline,
    pub(crate) fallback: Fallback,
    pub(crate) retry: Retry,
    pub(crate) budget: Budget,
    pub(crate) pause: Pause,
    pub(crate) breaker: Breaker,
    pub(crate) timeouts: Timeouts,
    pub(crate) hints: Hints,
    pub(crate) classify: Classify,
}

/// One `with_` method a slot. It changes the slot's type, and so the stack's, which is why the other
/// slots, those before it and those after it, are named with theirs.
macro_rules! slots {
    ($($(#[$doc:meta])* $method:ident:
        [$($before:ident $Before:ident)*] $slot:ident [$($after:ident $After:ident)*])*) => {
        impl<Replay, Deadline, Fallback, Retry, Budget, Pause, Breaker, Timeouts, Hints, Classify>
            Steady<Replay, Deadline, Fallback, Retry, Budget, Pause, Breaker, Timeouts, Hints, Classify>
        {
            $(
                $(#[$doc])*
                pub fn $method<New>(self, layer: New) -> Steady<$($Before,)* New, $($After),*> {
                    Steady {
                        $($before: self.$before,)*
                        $slot: layer,
                        $($after: self.$after,)*
                    }
                }
            )*
        }
    };
}

slots! {
    /// Sets the outermost slot, which makes a request's body repeatable.
    with_replay:
        []
        replay
        [deadline Deadline fallback Fallback retry Retry budget Budget pause Pause breaker Breaker timeouts Timeouts hints Hints classify Classify]
    /// Sets the layer that notes the deadline of the whole call.
    with_deadline:
        [replay Replay]
        deadline
        [fallback Fallback retry Retry budget Budget pause Pause breaker Breaker timeouts Timeouts hints Hints classify Classify]
    /// Sets the layer that has an answer ready for when nothing worked.
    with_fallback:
        [replay Replay deadline Deadline]
        fallback
        [retry Retry budget Budget pause Pause breaker Breaker timeouts Timeouts hints Hints classify Classify]
    /// Sets the retry loop.
    with_retry:
        [replay Replay deadline Deadline fallback Fallback]
        retry
        [budget Budget pause Pause breaker Breaker timeouts Timeouts hints Hints classify Classify]
    /// Sets the retry budget.
    with_budget:
        [replay Replay deadline Deadline fallback Fallback retry Retry]
        budget
        [pause Pause breaker Breaker timeouts Timeouts hints Hints classify Classify]
    /// Sets the pause that one rate limit starts for every call with the same key.
    with_pause:
        [replay Replay deadline Deadline fallback Fallback retry Retry budget Budget]
        pause
        [breaker Breaker timeouts Timeouts hints Hints classify Classify]
    /// Sets the circuit breaker.
    with_breaker:
        [replay Replay deadline Deadline fallback Fallback retry Retry budget Budget pause Pause]
        breaker
        [timeouts Timeouts hints Hints classify Classify]
    /// Sets the timeouts of a single attempt.
    with_timeouts:
        [replay Replay deadline Deadline fallback Fallback retry Retry budget Budget pause Pause breaker Breaker]
        timeouts
        [hints Hints classify Classify]
    /// Sets the reader of the server's waits.
    with_hints:
        [replay Replay deadline Deadline fallback Fallback retry Retry budget Budget pause Pause breaker Breaker timeouts Timeouts]
        hints
        [classify Classify]
    /// Sets the classifier, innermost.
    with_classify:
        [replay Replay deadline Deadline fallback Fallback retry Retry budget Budget pause Pause breaker Breaker timeouts Timeouts hints Hints]
        classify
        []
}

impl<Replay, Deadline, Fallback, Retry, Budget, Pause, Breaker, Timeouts, Hints, Classify>
    Steady<Replay, Deadline, Fallback, Retry, Budget, Pause, Breaker, Timeouts, Hints, Classify>
{
    /// Looks at the layers that remember something: budget, pause, breaker and fallback.
    #[must_use]
    pub fn handle(&self) -> SteadyHandle
    where
        Fallback: Inspect + Clone + Send + Sync + 'static,
        Budget: Inspect + Clone + Send + Sync + 'static,
        Pause: Inspect + Clone + Send + Sync + 'static,
        Breaker: Inspect + Clone + Send + Sync + 'static,
    {
        SteadyHandle::new([
            Box::new(self.fallback.clone()) as _,
            Box::new(self.budget.clone()) as _,
            Box::new(self.pause.clone()) as _,
            Box::new(self.breaker.clone()) as _,
        ])
    }
}

impl<S, Replay, Deadline, Fallback, Retry, Budget, Pause, Breaker, Timeouts, Hints, Classify>
    Layer<S>
    for Steady<Replay, Deadline, Fallback, Retry, Budget, Pause, Breaker, Timeouts, Hints, Classify>
where
    Classify: Layer<S>,
    Hints: Layer<Classify::Service>,
    Timeouts: Layer<Hints::Service>,
    Breaker: Layer<Timeouts::Service>,
    Pause: Layer<Breaker::Service>,
    Budget: Layer<Pause::Service>,
    Retry: Layer<Budget::Service>,
    Fallback: Layer<Retry::Service>,
    Deadline: Layer<Fallback::Service>,
    Replay: Layer<Deadline::Service>,
{
    type Service = Replay::Service;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = self.classify.layer(inner);
        let inner = self.hints.layer(inner);
        let inner = self.timeouts.layer(inner);
        let inner = self.breaker.layer(inner);
        let inner = self.pause.layer(inner);
        let inner = self.budget.layer(inner);
        let inner = self.retry.layer(inner);
        let inner = self.fallback.layer(inner);
        let inner = self.deadline.layer(inner);
        self.replay.layer(inner)
    }
}
