//! What the end of a call says to the pause of its key.

use std::fmt;
use std::time::Duration;

use http::Response;
use tower_steady_core::{BoxError, Class, Outcome};

use super::config::Settings;
use crate::{events, hints, moment};

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Pause the key for this long.
    pub(crate) pause: Option<Duration>,
    /// What it says of the rate.
    pub(crate) rate: Option<Lesson>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    Accepted,
    Refused,
}

/// Whether nothing at all is to be learned from it, unless by its headers.
#[inline]
pub(crate) fn is_success<RB>(response: &Response<RB>) -> bool {
    Outcome::class_of_response(response) == Class::Success
}

pub(crate) fn of<RB>(
    result: &Result<Response<RB>, BoxError>,
    settings: &Settings,
    key: &impl fmt::Debug,
) -> Verdict {
    let class = Outcome::class_of(result);
    if settings.pauses(class) {
        let wait = Outcome::note(result).and_then(|outcome| outcome.wait);
        return Verdict {
            pause: wait.filter(|wait| within(*wait, settings, class, key)),
            rate: Some(Lesson::Refused),
        };
    }
    if class != Class::Success {
        return Verdict {
            pause: None,
            rate: None,
        };
    }
    let used_up = match result {
        Ok(response) if settings.proactive => hints::exhausted(response.headers(), moment::now()),
        _ => None,
    };
    Verdict {
        pause: used_up.filter(|wait| !wait.is_zero() && *wait <= settings.max_pause),
        rate: Some(Lesson::Accepted),
    }
}

/// Beyond the cap it is a quota and no pause: whoever comes is told so by the provider itself.
fn within(wait: Duration, settings: &Settings, class: Class, key: &impl fmt::Debug) -> bool {
    let within = wait <= settings.max_pause;
    if !within {
        events::over_cap(key, class, wait);
    }
    within
}
