use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Answer;
use crate::answer::Step;

/// A stream of server-sent events as an [`Answer`]: a 200 whose body is sent event by event.
///
/// [`Sse::openai`], [`Sse::responses`] and [`Sse::anthropic`] speak the events of these APIs, with
/// the ceremony that comes before the first output; [`Sse::new`] sends what it is told.
///
/// ```
/// use std::time::Duration;
/// use tower_steady_testkit::{Answer, Sse};
///
/// let good: Answer = Sse::openai().text("Hel").text("lo").done().into();
/// let refused: Answer = Sse::anthropic().overloaded().into();
/// let late: Answer = Sse::openai().text("Hel").server_error().into();
/// let torn: Answer = Sse::anthropic().text("Hel").cut().into();
/// let slow: Answer = Sse::openai().wait(Duration::from_secs(20)).text("Hello").done().into();
/// assert!(good.bytes().ends_with(b"data: [DONE]\n\n"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Sse {
    dialect: Dialect,
    answer: Answer,
    texts: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Plain,
    Chat,
    Responses,
    Messages,
}

impl Sse {
    /// A stream with no events of its own.
    pub fn new() -> Self {
        Self::start(Dialect::Plain, "x-request-id")
    }

    /// OpenAI's chat completions: chunks, then `[DONE]`.
    pub fn openai() -> Self {
        Self::start(Dialect::Chat, "x-request-id")
    }

    /// OpenAI's responses: `response.created` and `response.in_progress` come at once.
    pub fn responses() -> Self {
        let response = json!({ "id": "resp_1", "object": "response", "status": "in_progress" });
        Self::start(Dialect::Responses, "x-request-id")
            .typed(json!({ "type": "response.created", "response": response }))
            .typed(json!({ "type": "response.in_progress", "response": response }))
    }

    /// Anthropic's messages: `message_start` and a `ping` come at once.
    pub fn anthropic() -> Self {
        let message = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "content": [],
            "stop_reason": null, "usage": { "input_tokens": 10, "output_tokens": 1 },
        });
        Self::start(Dialect::Messages, "request-id")
            .typed(json!({ "type": "message_start", "message": message }))
            .typed(json!({ "type": "ping" }))
    }

    /// A piece of output. From [`Sse::new`] the text is the whole of `data`.
    pub fn text(mut self, text: &str) -> Self {
        self.texts += 1;
        let first = self.texts == 1;
        match self.dialect {
            Dialect::Plain => self.data(text),
            Dialect::Chat => {
                let delta = json!({ "role": "assistant", "content": text });
                self.data(chat_chunk(&delta, None))
            }
            Dialect::Responses => self.typed(json!({
                "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "delta": text,
            })),
            Dialect::Messages if first => {
                let block = json!({ "type": "text", "text": "" });
                let start =
                    json!({ "type": "content_block_start", "index": 0, "content_block": block });
                self.typed(start).message_text(text)
            }
            Dialect::Messages => self.message_text(text),
        }
    }

    /// The events that end a good stream: the finish reason and `[DONE]`, `response.completed`, or
    /// `message_stop`.
    pub fn done(self) -> Self {
        match self.dialect {
            Dialect::Plain => self.data("[DONE]"),
            Dialect::Chat => self
                .data(chat_chunk(&json!({}), Some("stop")))
                .data("[DONE]"),
            Dialect::Responses => self.typed(json!({
                "type": "response.completed",
                "response": { "id": "resp_1", "object": "response", "status": "completed" },
            })),
            Dialect::Messages => self
                .typed(json!({ "type": "content_block_stop", "index": 0 }))
                .typed(json!({
                    "type": "message_delta", "delta": { "stop_reason": "end_turn" },
                    "usage": { "output_tokens": 5 },
                }))
                .typed(json!({ "type": "message_stop" })),
        }
    }

    /// An error event: the provider has no capacity. The stream ends with it.
    pub fn overloaded(self) -> Self {
        match self.dialect {
            Dialect::Messages => self.error("overloaded_error", "overloaded_error", "Overloaded"),
            _ => {
                let message = "Our servers are currently overloaded. Please try again later.";
                self.error("service_unavailable_error", "server_is_overloaded", message)
            }
        }
    }

    /// An error event: over a rate limit.
    pub fn rate_limited(self) -> Self {
        match self.dialect {
            Dialect::Messages => self.error("rate_limit_error", "rate_limit_error", "Rate limited"),
            _ => self.error("tokens", "rate_limit_exceeded", "Rate limit reached"),
        }
    }

    /// An error event: the provider failed.
    pub fn server_error(self) -> Self {
        match self.dialect {
            Dialect::Messages => self.error("api_error", "api_error", "Internal server error"),
            _ => {
                let message = "The server had an error while processing your request.";
                self.error("server_error", "server_error", message)
            }
        }
    }

    /// An error event: out of credit.
    pub fn insufficient_quota(self) -> Self {
        let message =
            "You exceeded your current quota, please check your plan and billing details.";
        self.error("insufficient_quota", "insufficient_quota", message)
    }

    /// An error event of any kind, in the dialect's envelope.
    pub fn error(self, kind: &str, code: &str, message: &str) -> Self {
        match self.dialect {
            Dialect::Plain | Dialect::Chat => {
                let error =
                    json!({ "message": message, "type": kind, "param": null, "code": code });
                self.data(json!({ "error": error }).to_string())
            }
            Dialect::Responses => {
                let error = json!({ "code": code, "message": message });
                let response = json!({ "id": "resp_1", "status": "failed", "error": error });
                self.typed(json!({ "type": "response.failed", "response": response }))
            }
            Dialect::Messages => {
                let error = json!({ "details": null, "type": kind, "message": message });
                self.typed(json!({ "type": "error", "error": error }))
            }
        }
    }

    /// A nameless event.
    pub fn data(self, data: impl AsRef<str>) -> Self {
        self.raw(format!("data: {}\n\n", data.as_ref()))
    }

    /// A named event.
    pub fn event(self, name: &str, data: impl AsRef<str>) -> Self {
        self.raw(format!("event: {name}\ndata: {}\n\n", data.as_ref()))
    }

    /// A comment, as proxies send to keep a stream alive.
    pub fn comment(self, text: &str) -> Self {
        self.raw(format!(": {text}\n\n"))
    }

    /// Bytes as they are, in a chunk of their own: half an event, two at once, rubbish.
    pub fn raw(mut self, bytes: impl Into<Bytes>) -> Self {
        self.answer = self.answer.chunk(bytes);
        self
    }

    /// Waits before the next event.
    pub fn wait(mut self, time: Duration) -> Self {
        self.answer = self.answer.wait(time);
        self
    }

    /// The connection goes here.
    pub fn cut(mut self) -> Self {
        self.answer = self.answer.step(Step::Cut);
        self
    }

    /// Nothing more comes, and the connection stays.
    pub fn hang(mut self) -> Self {
        self.answer = self.answer.step(Step::Hang);
        self
    }

    fn start(dialect: Dialect, request_id: &'static str) -> Self {
        let mut answer = Answer::new(200)
            .header("content-type", "text/event-stream")
            .header("cache-control", "no-cache")
            .request_id(request_id);
        answer.chunked = true;
        Self {
            dialect,
            answer,
            texts: 0,
        }
    }

    /// An event named as its `type`, as the responses and messages APIs do.
    fn typed(self, data: Value) -> Self {
        let name = data["type"].as_str().unwrap_or_default().to_owned();
        self.event(&name, data.to_string())
    }

    fn message_text(self, text: &str) -> Self {
        let delta = json!({ "type": "text_delta", "text": text });
        self.typed(json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
    }
}

impl Default for Sse {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Sse> for Answer {
    fn from(sse: Sse) -> Self {
        sse.answer
    }
}

fn chat_chunk(delta: &Value, finish: Option<&str>) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
    .to_string()
}
