//! A provider that exists only in virtual time.

mod body;
mod bucket;
mod queue;
mod server;
mod settings;

pub use self::body::AnswerBody;
pub(crate) use self::body::{DONE, OUTPUT};
pub use self::bucket::Bucket;
pub use self::queue::Queue;
pub use self::server::{HttpClient, HttpError};
pub use self::settings::{Latency, Provider, RateLimit, StreamShape, Trouble, What, Whom};
