use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tower_steady_core::Seeds;

use super::{Stack, looped};
use crate::provider::HttpClient;

const RETRIES: u32 = 2;

/// The loop that Stainless generates into the SDKs of `OpenAI`, Anthropic, Groq and others: see
/// `_should_retry` and `_calculate_retry_timeout` in anthropic-sdk-python's `_base_client.py`.
pub(super) fn stack(http: HttpClient, seed: u64) -> Stack {
    let seeds = Arc::new(Seeds::fixed(seed));
    looped::stack(http, move || {
        let mut rng = StdRng::seed_from_u64(seeds.draw());
        move |failed: u32, attempt: &looped::Attempt| {
            (failed <= RETRIES && should_retry(attempt)).then(|| {
                let hint = attempt.as_ref().ok().map(Response::headers).and_then(hint);
                hint.unwrap_or_else(|| {
                    let exponential = (0.5 * 2_f64.powi(failed.cast_signed() - 1)).min(8.0);
                    Duration::from_secs_f64(exponential * (1.0 - 0.25 * rng.random::<f64>()))
                })
            })
        }
    })
}

fn should_retry(attempt: &looped::Attempt) -> bool {
    let Ok(answer) = attempt else {
        return true;
    };
    match answer
        .headers()
        .get("x-should-retry")
        .map(|value| value.as_bytes())
    {
        Some(b"true") => true,
        Some(b"false") => false,
        _ => matches!(answer.status().as_u16(), 408 | 409 | 429 | 500..),
    }
}

/// `retry-after-ms`, else `Retry-After` in seconds, if that is more than nothing and at most a minute.
/// (The SDKs read dates too; this provider sends none.)
fn hint(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| headers.get(name)?.to_str().ok()?.parse::<f64>().ok();
    let ms = number("retry-after-ms").map(|ms| ms / 1000.0);
    let seconds = ms.or_else(|| number("retry-after"))?;
    (0.0 < seconds && seconds <= 60.0).then(|| Duration::from_secs_f64(seconds))
}
