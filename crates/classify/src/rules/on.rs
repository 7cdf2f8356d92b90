//! Which statuses a rule applies to, as a set of bits.

use tower_steady_core::Class;

use crate::Facts;

#[derive(Clone, Copy)]
pub(super) struct On(u32);

macro_rules! statuses {
    ($($bit:literal $name:ident $status:literal)*) => {
        impl On {
            $(pub(super) const $name: Self = Self(1 << $bit);)*

            pub(super) const fn of_status(status: u16) -> Self {
                match status {
                    $($status => Self::$name,)*
                    400..500 => Self::OTHER_4XX,
                    500..600 => Self::OTHER_5XX,
                    _ => Self::NONE,
                }
            }
        }
    };
}

statuses! {
    0 S400 400
    1 S401 401
    2 S402 402
    3 S403 403
    4 S404 404
    5 S412 412
    6 S413 413
    7 S422 422
    8 S424 424
    9 S429 429
    10 S446 446
    11 S451 451
    12 S498 498
    13 S499 499
    14 S500 500
    15 S502 502
    16 S503 503
    17 S504 504
    18 S529 529
}

impl On {
    const NONE: Self = Self(0);
    const OTHER_4XX: Self = Self(1 << 30);
    const OTHER_5XX: Self = Self(1 << 31);
    /// An error inside a 200 that states no status.
    pub(super) const STREAM: Self = Self(1 << 29);
    pub(super) const ANY: Self = Self(u32::MAX);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn but(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_stream(self) -> bool {
        self.0 == Self::STREAM.0
    }

    pub(super) const fn covers(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Where an error inside a 200 belongs whose code names its class: rules that ask what a message
    /// says are for errors of that status alone.
    pub(super) const fn of_class(class: Class) -> Self {
        match class {
            Class::RateLimited => Self::S429,
            Class::Overloaded => Self::S529,
            Class::ServerError => Self::S500,
            Class::Timeout => Self::S504,
            Class::Auth => Self::S401,
            Class::Permission => Self::S403,
            Class::NotFound => Self::S404,
            Class::TooLarge => Self::S413,
            Class::Conflict => Self::OTHER_4XX,
            _ => Self::STREAM,
        }
    }

    pub(super) fn of(facts: &Facts<'_>) -> Self {
        facts
            .effective_status()
            .map_or(Self::STREAM, |status| Self::of_status(status.as_u16()))
    }
}
