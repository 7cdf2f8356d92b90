//! Where answers come from when the provider has none.

mod alternative;
mod fixed;
mod last_good;
mod or;
mod queue;
mod request;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tower_steady_core::{Class, ConfigError, Outcome};

use crate::{ResponseBody, Tried};

pub use self::alternative::{Alternative, AlternativeFuture};
pub use self::fixed::Fixed;
pub use self::last_good::{LastGood, LastGoodBuilder, Recorder};
pub use self::or::{Or, OrFuture};
pub use self::queue::{Queue, Queued, Receipt, Sink};

/// A source of answers for a [`FallbackLayer`](crate::FallbackLayer). Clones share their state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no answers of type `{RB}` to requests of type `{B}`",
    label = "not a `Source<{B}, {RB}>`",
    note = "pass an `Alternative` service, `LastGood`, `Fixed`, `Queue` or an `Or` of two of them; each says \
            what it needs of the body of a request"
)]
pub trait Source<B, RB> {
    /// What is kept of a request while the call is out.
    type Kept;

    /// The answer, or who was asked and why there is none.
    type Future: Future<Output = Result<Given<RB>, Tried>>;

    /// Keeps what is needed of a request, before every call; `None` if that cannot be done, and then
    /// this source is not asked.
    fn keep(&self, request: &Request<B>) -> Option<Self::Kept>;

    /// Sees the head of every good answer of the service inside, and may record its body.
    fn learn(&self, kept: Self::Kept, response: &Response<RB>) -> Option<Recorder> {
        let _ = (kept, response);
        None
    }

    /// Answers in the place of an answer with this outcome.
    fn answer(&self, kept: Self::Kept, outcome: &Outcome) -> Self::Future;
}

/// What a [`Source`] gives. `Debug` prints nothing of the answer but its status.
#[non_exhaustive]
pub struct Given<RB> {
    /// The name of the source. It stands in the header, so it must be a token, and it is a label of
    /// metrics, so it must be one of a few and not made of the request.
    pub source: Arc<str>,
    /// The answer. One that is itself a failure counts as none.
    pub response: Response<ResponseBody<RB>>,
    /// How long ago it was good, where it is not of now.
    pub age: Option<Duration>,
}

impl<RB> Given<RB> {
    /// An answer of now.
    #[must_use]
    pub const fn new(source: Arc<str>, response: Response<ResponseBody<RB>>) -> Self {
        Self {
            source,
            response,
            age: None,
        }
    }

    /// An answer that was good some time ago.
    #[must_use]
    pub const fn aged(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// An answer that is itself a failure is none.
    pub(crate) fn good(self) -> Result<Self, Tried> {
        match Outcome::class_of_response(&self.response) {
            Class::Success => Ok(self),
            class => Err(Tried::one(&self.source, class.as_str())),
        }
    }
}

impl<RB> fmt::Debug for Given<RB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("source", &self.source)
            .field("status", &self.response.status())
            .field("age", &self.age)
            .finish_non_exhaustive()
    }
}

/// A name that can stand in a header as a token (RFC 9110 section 5.6.2).
fn checked_name(name: &str) -> Result<Arc<str>, ConfigError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(token) {
        Ok(name.into())
    } else {
        Err(ConfigError::new(
            "name",
            format!(
                "must begin with a letter and go on with letters, digits and -_.:/, got {name:?}"
            ),
        ))
    }
}
