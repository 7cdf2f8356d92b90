//! What the tests of whole stacks share: stacks that are put together at run time, in any order.
//!
//! | tests | what they show |
//! |---|---|
//! | `answers` | what is sent once, what again, and what the caller gets, over TCP |
//! | `orders` | layers alone, in pairs, in every selection, in wrong orders |
//! | `nesting` | retry inside retry, lost notes, layers of tower-http in between |
//! | `kept` | what becomes of a failed answer over the sleep |
//! | `timeouts` | deadlines and attempt timeouts against providers that hang |
//! | `streams` | retried before output, never after it, judged at the end; gRPC |
//! | `phases`, `uploads` | connections that break in each phase; 10 MiB sent again |
//! | `fallback` | who sends the body when the first provider is done with it, or is not |
//! | `readiness` | who waits holds none, who is open needs none |
//! | `dropping` | dropped at every poll: nothing stays taken |
//! | `routes` | an axum application |
//! | `crowd` | many callers: a rate limit, an outage, four threads |
//! | `secrets` | nothing traced or printed has any |
//! | `traced` | a span for each call, and who tells of a refused key |
//! | `properties` | what holds for every script |

mod body;
mod call;
mod parts;

pub use self::body::RequestBody;
pub use self::call::{Answered, call, chat};
pub use self::parts::{APOLOGY, BoxService, Part, Parts, ResponseBody};
