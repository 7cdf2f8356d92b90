use std::time::Duration;

use super::{Stack, looped};
use crate::provider::HttpClient;

/// `for attempt in range(5): try: ... except Exception: time.sleep(1)`
pub(super) fn stack(http: HttpClient, _: u64) -> Stack {
    looped::stack(http, || {
        |failed, _: &looped::Attempt| (failed < 5).then_some(Duration::from_secs(1))
    })
}
