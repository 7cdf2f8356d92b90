use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};
use tower_steady_core::BoxError;

use super::CallId;
use crate::contenders::{Answer, Stack};
use crate::metrics::Recorder;
use crate::provider::{DONE, OUTPUT};

/// What a call asks for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prompt {
    path: Arc<str>,
    key: HeaderValue,
    body: Bytes,
    stream: bool,
    group: u8,
}

impl Prompt {
    /// A prompt of this many input tokens for one model, with one API key.
    #[expect(clippy::missing_panics_doc, reason = "keys are words")]
    #[must_use]
    pub fn new(model: &str, key: &str, tokens: usize) -> Self {
        let shell = r#"{"messages":[{"role":"user","content":""}]}"#.len();
        let filler = "a".repeat((tokens * 4).saturating_sub(shell));
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{filler}"}}]}}"#);
        Self {
            path: format!("https://api.example.com/openai/deployments/{model}/chat/completions")
                .into(),
            key: HeaderValue::try_from(format!("Bearer {key}")).expect("a word"),
            body: body.into(),
            stream: false,
            group: 0,
        }
    }

    /// A short prompt, of 100 tokens.
    #[must_use]
    pub fn short() -> Self {
        Self::new("medium", "ours", 100)
    }

    /// The answer is to come as events.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.stream = true;
        self
    }

    /// A prompt whose end is missing.
    #[must_use]
    pub fn malformed(mut self) -> Self {
        self.body.truncate(self.body.len() - 1);
        self
    }

    /// Counts its calls apart from others, under this number.
    #[must_use]
    pub const fn group(mut self, group: u8) -> Self {
        self.group = group;
        self
    }

    fn request(&self, id: CallId) -> Request<Full<Bytes>> {
        let accept = if self.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        Request::post(&*self.path)
            .header(header::AUTHORIZATION, self.key.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept)
            .header(CallId::HEADER, id.0)
            .body(Full::new(self.body.clone()))
            .expect("a valid path")
    }
}

/// One process: a contender's stack, shared by everything that calls through it.
#[derive(Clone, Debug)]
pub struct Client {
    stack: Stack,
    recorder: Recorder,
    patience: Duration,
}

impl Client {
    pub(super) fn new(stack: Stack, recorder: Recorder, patience: Duration) -> Self {
        Self {
            stack,
            recorder,
            patience,
        }
    }

    /// Makes one call and reads the answer to its end; true if that is a good and complete one. A
    /// caller whose patience ends drops the call.
    pub fn call(&self, prompt: &Prompt) -> impl Future<Output = bool> + Send + use<> {
        let (mut stack, recorder, patience) =
            (self.stack.clone(), self.recorder.clone(), self.patience);
        let prompt = prompt.clone();
        async move {
            #[expect(clippy::cast_possible_truncation, reason = "prompts are small")]
            let tokens = (prompt.body.len() / 4) as u32;
            let id = recorder.begin(prompt.group, tokens);
            let answer = async {
                let answer = stack.ready().await?.call(prompt.request(id)).await?;
                read(answer, prompt.stream).await
            };
            let good = matches!(tokio::time::timeout(patience, answer).await, Ok(Ok(true)));
            recorder.end(id, good);
            good
        }
    }
}

/// Reads an answer to its end: true if it is a success and, where it is a stream, has output and its
/// terminal event.
async fn read(answer: Answer, stream: bool) -> Result<bool, BoxError> {
    let success = answer.status().is_success();
    let mut body = answer.into_body();
    let (mut output, mut done) = (0, false);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        output += usize::from(data == OUTPUT);
        done |= data == DONE;
    }
    Ok(success && (!stream || (output > 0 && done)))
}
