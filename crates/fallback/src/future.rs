use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_steady_core::{BoxError, Class, Failure, Outcome, Report};

use crate::events;
use crate::layer::Config;
use crate::metrics;
use crate::{Degraded, Given, NothingWorked, ResponseBody, Source, Tried};

pin_project! {
    /// The future of [`Fallback`](crate::Fallback).
    pub struct ResponseFuture<F, Src, B, RB>
    where
        Src: Source<B, RB>,
    {
        #[pin]
        state: State<F, Src::Future>,
        kept: Option<Src::Kept>,
        // The provider's own answer, while the source is asked.
        own: Option<Result<Response<RB>, BoxError>>,
        source: Src,
        config: Arc<Config>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, G> {
        Calling { #[pin] inner: F },
        Asking { #[pin] source: G },
    }
}

impl<F, Src, B, RB> ResponseFuture<F, Src, B, RB>
where
    Src: Source<B, RB>,
{
    pub(crate) const fn new(
        inner: F,
        kept: Option<Src::Kept>,
        source: Src,
        config: Arc<Config>,
    ) -> Self {
        Self {
            state: State::Calling { inner },
            kept,
            own: None,
            source,
            config,
        }
    }
}

impl<F, Src, B, RB, E> Future for ResponseFuture<F, Src, B, RB>
where
    F: Future<Output = Result<Response<RB>, E>>,
    E: Into<BoxError>,
    Src: Source<B, RB>,
    RB: Body<Data = bytes::Bytes>,
{
    type Output = Result<Response<ResponseBody<RB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Calling { inner } => {
                    let result = ready!(inner.poll(cx)).map_err(Into::into);
                    let outcome = match result {
                        Ok(response) if is_good(&response) => {
                            let kept = this.kept.take();
                            return Poll::Ready(Ok(learn(this.source, kept, response)));
                        }
                        ref failed => Outcome::read(failed),
                    };
                    if !this.config.rule.falls_back(&outcome) {
                        return Poll::Ready(
                            result.map(|response| response.map(ResponseBody::live)),
                        );
                    }
                    let Some(kept) = this.kept.take() else {
                        let tried = Tried::one(&"fallback".into(), "the request could not be kept");
                        return Poll::Ready(give_up(this.config, result, tried));
                    };
                    let source = this.source.answer(kept, &outcome);
                    *this.own = Some(result);
                    this.state.set(State::Asking { source });
                }
                StateProj::Asking { source } => {
                    let given = ready!(source.poll(cx)).and_then(Given::good);
                    let own = this
                        .own
                        .take()
                        .unwrap_or_else(|| Err("polled after the end".into()));
                    return Poll::Ready(match given {
                        Ok(given) => Ok(degrade(this.config, given, &own)),
                        Err(tried) => give_up(this.config, own, tried),
                    });
                }
            }
        }
    }
}

/// Lets the source see a good answer, unless it is a degraded one of a fallback further in.
fn learn<Src, B, RB>(
    source: &Src,
    kept: Option<Src::Kept>,
    response: Response<RB>,
) -> Response<ResponseBody<RB>>
where
    Src: Source<B, RB>,
{
    let degraded = response.extensions().get::<Degraded>().is_some();
    let kept = kept.filter(|_| !degraded);
    match kept.and_then(|kept| source.learn(kept, &response)) {
        Some(recorder) => response.map(|body| ResponseBody::recorded(body, recorder)),
        None => response.map(ResponseBody::live),
    }
}

fn is_good<RB>(response: &Response<RB>) -> bool {
    Outcome::class_of_response(response) == Class::Success
}

fn degrade<RB>(
    config: &Config,
    given: Given<RB>,
    own: &Result<Response<RB>, BoxError>,
) -> Response<ResponseBody<RB>> {
    let outcome = Outcome::read(own);
    config.counts.answered(&given.source);
    events::degraded(&given.source, &outcome, given.age);
    metrics::degraded(&given.source, outcome.class);
    let degraded = Degraded {
        reason: outcome.class,
        source: given.source,
        age: given.age,
        outcome,
        report: Report::of(own).cloned(),
    };
    let mut response = given.response;
    if let (Some(name), Some(value)) = (&config.header, degraded.header()) {
        response.headers_mut().insert(name.clone(), value);
    }
    response.extensions_mut().insert(degraded);
    response
}

/// The provider's own answer, with what else was asked.
fn give_up<RB>(
    config: &Config,
    own: Result<Response<RB>, BoxError>,
    tried: Tried,
) -> Result<Response<ResponseBody<RB>>, BoxError> {
    config.counts.unanswered();
    let class = Outcome::class_of(&own);
    for (source, problem) in &tried.sources {
        events::no_answer(source, class, problem);
        metrics::no_answer(source, class);
    }
    match own {
        Ok(mut response) => {
            let note: &mut Tried = response.extensions_mut().get_or_insert_default();
            note.sources.extend(tried.sources);
            Ok(response.map(ResponseBody::live))
        }
        Err(error) => Err(nothing_worked(error, tried)),
    }
}

/// Keeps one [`NothingWorked`] for all fallbacks that were asked.
fn nothing_worked(mut error: BoxError, tried: Tried) -> BoxError {
    let failure = Failure::outermost(&mut error);
    let source = mem::replace(failure.source_mut(), Box::new(fmt::Error));
    *failure.source_mut() = match source.downcast::<NothingWorked>() {
        Ok(mut before) => {
            before.tried.sources.extend(tried.sources);
            before
        }
        Err(source) => Box::new(NothingWorked { tried, source }),
    };
    error
}

impl<F, Src, B, RB> fmt::Debug for ResponseFuture<F, Src, B, RB>
where
    Src: Source<B, RB>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Calling { .. } => "calling",
            State::Asking { .. } => "asking",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
