use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_steady_core::{BoxError, TryClone};

/// Any request body of bytes, so that stacks with and without a replay layer have one type. Can be
/// sent again exactly when what is in it can.
pub struct RequestBody(Pin<Box<dyn Erased>>);

impl RequestBody {
    /// Hides the type of `body`.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + TryClone + Send + Sync + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Box::pin(Typed { body }))
    }

    /// The same for a body that can be read once only.
    pub fn once<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Box::pin(Once { body }))
    }
}

impl<T: Into<Bytes>> From<T> for RequestBody {
    fn from(bytes: T) -> Self {
        Self::new(http_body_util::Full::new(bytes.into()))
    }
}

impl TryClone for RequestBody {
    fn try_clone(&self) -> Option<Self> {
        self.0.try_clone()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

trait Erased: Body<Data = Bytes, Error = BoxError> + Send + Sync {
    fn try_clone(&self) -> Option<RequestBody>;
}

pin_project! {
    struct Typed<B> {
        #[pin]
        body: B,
    }
}

pin_project! {
    struct Once<B> {
        #[pin]
        body: B,
    }
}

macro_rules! forward_body {
    ($name:ident) => {
        impl<B> Body for $name<B>
        where
            B: Body<Data = Bytes>,
            B::Error: Into<BoxError>,
        {
            type Data = Bytes;
            type Error = BoxError;

            fn poll_frame(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
                let frame = self.project().body.poll_frame(cx);
                frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }

            fn is_end_stream(&self) -> bool {
                self.body.is_end_stream()
            }

            fn size_hint(&self) -> SizeHint {
                self.body.size_hint()
            }
        }
    };
}

forward_body!(Typed);
forward_body!(Once);

impl<B> Erased for Typed<B>
where
    B: Body<Data = Bytes> + TryClone + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    fn try_clone(&self) -> Option<RequestBody> {
        self.body.try_clone().map(RequestBody::new)
    }
}

impl<B> Erased for Once<B>
where
    B: Body<Data = Bytes> + Send + Sync,
    B::Error: Into<BoxError>,
{
    fn try_clone(&self) -> Option<RequestBody> {
        None
    }
}
