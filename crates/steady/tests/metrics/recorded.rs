//! What a recorder has got.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// A series: its metric, its labels, its value.
pub(crate) type Series = (String, BTreeMap<String, String>, DebugValue);

pub(crate) fn series(recorder: &DebuggingRecorder) -> Vec<Series> {
    let all = recorder.snapshotter().snapshot().into_vec();
    all.into_iter()
        .map(|(key, _, _, value)| {
            let labels = key.key().labels();
            let labels = labels.map(|label| (label.key().to_owned(), label.value().to_owned()));
            (key.key().name().to_owned(), labels.collect(), value)
        })
        .collect()
}
