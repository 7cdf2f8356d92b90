//! What the tests of whole stacks share: stacks that are put together at run time, in any order.

mod body;
mod call;
mod parts;

pub use self::body::RequestBody;
pub use self::call::{Answered, call, chat};
pub use self::parts::{BoxService, Part, Parts, ResponseBody};
