//! What this crate counts, beside its events.

use tokio::time::Instant;
use tower_steady_core::Class;
use tower_steady_core::metrics::label::{CLASS, ERROR_TYPE, PROVIDER};
use tower_steady_core::metrics::{Metric, Series, Since};

use crate::Provider;

const FIRST_CHUNK: Metric = Metric::seconds(
    "gen_ai.client.operation.time_to_first_chunk",
    &[PROVIDER],
    "Time from an attempt's send to the first output of its stream.",
);

const STREAM_DURATION: Metric = Metric::seconds(
    "tower_steady.classify.stream_duration",
    &[ERROR_TYPE, PROVIDER],
    "Time from an attempt's send to the end of its stream, once output has begun.",
);

const FAILURES: Metric = Metric::counter(
    "tower_steady.classify.failures",
    "{attempt}",
    &[CLASS, PROVIDER],
    "Attempts that failed at their head, without one, or in a stream before its first output.",
);

const STREAM_FAILURES: Metric = Metric::counter(
    "tower_steady.classify.stream_failures",
    "{attempt}",
    &[CLASS, PROVIDER],
    "Streams that failed after their head was passed on.",
);

/// Every metric of this crate.
#[cfg(feature = "metrics")]
pub const METRICS: &[Metric] = &[FIRST_CHUNK, STREAM_DURATION, FAILURES, STREAM_FAILURES];

/// Tells the recorder that is installed what the [`METRICS`] of this crate mean.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    METRICS.iter().for_each(Metric::describe);
}

/// An attempt is sent now.
#[inline]
pub(crate) fn sent() -> Since {
    Since::now(now)
}

/// A stream's first output has come.
pub(crate) fn first_output(provider: Option<Provider>, sent: Since) {
    let series = match name(provider) {
        Some(name) => FIRST_CHUNK.series([(PROVIDER, name.into())]),
        None => FIRST_CHUNK.series([]),
    };
    series.record(sent.elapsed(now));
}

/// A stream that had begun output has ended, well or with a failure.
pub(crate) fn stream_ended(class: Class, provider: Option<Provider>, sent: Since) {
    let error = (class != Class::Success).then(|| (ERROR_TYPE, class.as_str().into()));
    let provider = name(provider).map(|name| (PROVIDER, name.into()));
    let series = match (error, provider) {
        (None, None) => STREAM_DURATION.series([]),
        (Some(label), None) | (None, Some(label)) => STREAM_DURATION.series([label]),
        (Some(error), Some(provider)) => STREAM_DURATION.series([error, provider]),
    };
    series.record(sent.elapsed(now));
}

pub(crate) fn failed(class: Class, provider: Option<Provider>) {
    by_class(&FAILURES, class, provider).increment(1);
}

pub(crate) fn cut_short(class: Class, provider: Option<Provider>) {
    by_class(&STREAM_FAILURES, class, provider).increment(1);
}

fn by_class(metric: &Metric, class: Class, provider: Option<Provider>) -> Series {
    let class = (CLASS, class.as_str().into());
    match name(provider) {
        Some(name) => metric.series([class, (PROVIDER, name.into())]),
        None => metric.series([class]),
    }
}

/// OpenTelemetry's names of providers, where it has one; its registry lets others be added.
fn name(provider: Option<Provider>) -> Option<&'static str> {
    Some(match provider? {
        Provider::OpenAi => "openai",
        Provider::Azure => "azure.ai.openai",
        Provider::Anthropic => "anthropic",
        Provider::Google => "gcp.gen_ai",
        Provider::Bedrock => "aws.bedrock",
        Provider::Mistral => "mistral_ai",
        Provider::Cohere => "cohere",
        Provider::Groq => "groq",
        Provider::Together => "together_ai",
        Provider::Fireworks => "fireworks_ai",
        Provider::OpenRouter => "openrouter",
        Provider::DeepSeek => "deepseek",
        Provider::Xai => "x_ai",
        Provider::Vllm => "vllm",
        Provider::Ollama => "ollama",
        Provider::HuggingFace => "hugging_face",
        Provider::Cerebras => "cerebras",
        Provider::Other => return None,
    })
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
