use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Response, response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_steady_core::BoxError;

use super::ResponseBody;
use super::status::{self, Verdict};

pin_project! {
    /// The response of a [`Grpc`](super::Grpc).
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Calling { #[pin] future: F, sent: Instant },
        // The status stands in trailers that come instead of a message. The body has been read to
        // its end below, so this takes no time.
        Trailers { head: Option<response::Parts>, #[pin] body: B },
        Failed { error: Option<BoxError> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn new(future: F) -> Self {
        let sent = Instant::now();
        Self {
            state: State::Calling { future, sent },
        }
    }

    pub(super) const fn failed(error: BoxError) -> Self {
        Self {
            state: State::Failed { error: Some(error) },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Calling { future, sent } => match ready!(future.poll(cx)) {
                    Ok(response) => match status::verdict(&response) {
                        Verdict::Pass => {
                            let (head, body) = response.into_parts();
                            let body = ResponseBody::new(body, &head, sent.elapsed());
                            return Poll::Ready(Ok(Response::from_parts(head, body)));
                        }
                        Verdict::Failed(status) => {
                            let (head, _) = response.into_parts();
                            return Poll::Ready(Err(status::answered(status, head)));
                        }
                        Verdict::InTrailers => {
                            let (head, body) = response.into_parts();
                            let head = Some(head);
                            state.set(State::Trailers { head, body });
                        }
                    },
                    Err(error) => return Poll::Ready(Err(status::unanswered(error.into()))),
                },
                StateProj::Trailers { head, mut body } => {
                    let trailers = loop {
                        match ready!(body.as_mut().poll_frame(cx)) {
                            Some(Ok(frame)) => {
                                if let Ok(trailers) = frame.into_trailers() {
                                    break trailers;
                                }
                            }
                            Some(Err(_)) | None => break HeaderMap::new(),
                        }
                    };
                    let head = head.take().expect("polled after it was ready");
                    let status = status::of_trailers(&trailers, &head);
                    return Poll::Ready(Err(status::answered(status, head)));
                }
                StateProj::Failed { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(status::unanswered(error)));
                }
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
