//! What one event of a stream is.

use super::look::top_level;

/// An event and its meaning.
pub(super) struct Event<'a> {
    pub(super) kind: Kind,
    /// The JSON of an error.
    pub(super) data: &'a [u8],
    /// The name of an exception that stood beside the data.
    pub(super) exception: Option<&'a str>,
    pub(super) expects_end: bool,
    pub(super) finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A ping, an acknowledgement, a chunk without content.
    Quiet,
    Output,
    Terminal,
    Error,
}

impl<'a> Event<'a> {
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            data: &[],
            exception: None,
            expects_end: false,
            finished: false,
        }
    }

    /// Judges an event by its name, where it has one, and its data.
    pub(super) fn judge(name: &str, data: &'a [u8]) -> Self {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Self::of(Kind::Terminal);
        }
        if data.is_empty() {
            return Self::of(match name {
                "error" => Kind::Error,
                _ => by_type(name).unwrap_or(Kind::Quiet),
            });
        }
        if !data.starts_with(b"{") && !data.starts_with(b"[") {
            return Self {
                data,
                ..Self::of(match name {
                    "error" => Kind::Error,
                    "ping" => Kind::Quiet,
                    _ => Kind::Output,
                })
            };
        }
        let look = top_level(data);
        let kind = if name == "error" || look.is_error() {
            Kind::Error
        } else if let Some(kind) = look.kind.or_else(|| by_type(name)) {
            kind
        } else if look.done {
            Kind::Terminal
        } else if look.quiet && !look.output {
            Kind::Quiet
        } else {
            Kind::Output
        };
        Self {
            kind,
            data,
            exception: None,
            expects_end: look.expects_end,
            finished: look.finished,
        }
    }
}

/// What the types of typed events mean: Anthropic's messages, OpenAI's responses, Cohere's chats.
pub(super) fn by_type(kind: &str) -> Option<Kind> {
    Some(match kind {
        "ping" | "message_start" | "message-start" | "stream-start" | "keepalive" => Kind::Quiet,
        "response.created" | "response.in_progress" | "response.queued" => Kind::Quiet,
        // The frame that output will come in, empty yet.
        "content_block_start"
        | "content-start"
        | "response.output_item.added"
        | "response.content_part.added"
        | "response.reasoning_summary_part.added" => Kind::Quiet,
        "codex.rate_limits" => Kind::Quiet,
        "message_stop" | "message-end" | "stream-end" => Kind::Terminal,
        "response.completed" | "response.incomplete" | "response.done" | "response.cancelled" => {
            Kind::Terminal
        }
        "error" | "response.failed" => Kind::Error,
        _ => return None,
    })
}
