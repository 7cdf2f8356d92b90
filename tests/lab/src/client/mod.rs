//! The population: who calls, how often, and what for.

mod ask;
mod caller;
mod population;

pub use self::ask::{Ask, CallId};
pub use self::caller::{Client, Prompt};
pub use self::population::{OpenLoop, World, simulate};
