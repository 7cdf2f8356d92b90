use tower_layer::Layer;

use super::{Grpc, GrpcChannel};

/// Puts a stack around a channel, for a generated client. See the [module's docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcLayer<L> {
    stack: L,
}

impl<L> GrpcLayer<L> {
    /// Around a channel goes `stack`: a [`Steady`](crate::Steady), or any other layer, such as a
    /// `ServiceBuilder` of some.
    #[must_use]
    pub const fn new(stack: L) -> Self {
        Self { stack }
    }
}

impl<S, L: Layer<GrpcChannel<S>>> Layer<S> for GrpcLayer<L> {
    type Service = Grpc<L::Service>;

    fn layer(&self, channel: S) -> Self::Service {
        Grpc::new(self.stack.layer(GrpcChannel::new(channel)))
    }
}
