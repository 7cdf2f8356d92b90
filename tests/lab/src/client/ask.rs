use http::request::Parts;
use http::{HeaderMap, header};

/// Which call a request belongs to: a number in a header, as tracing systems put it there, so that
/// it survives every contender's way of repeating a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId(pub(crate) usize);

impl CallId {
    pub(crate) const HEADER: &'static str = "x-call";

    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(Self::HEADER)?.to_str().ok()?;
        text.parse().ok().map(Self)
    }
}

/// What the provider reads out of a request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The model, a segment of the path, as with deployments behind one host.
    pub model: String,
    /// The API key.
    pub key: String,
    /// The size of the prompt: a token for every four bytes.
    pub tokens: f64,
    /// Whether the answer is to come as events.
    pub stream: bool,
    /// Whether the body is no JSON object.
    pub malformed: bool,
}

impl Ask {
    /// Reads a request.
    #[must_use]
    pub fn read(head: &Parts, body: &[u8]) -> Self {
        let text = |name| {
            let value = head.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let key = text(header::AUTHORIZATION);
        let model = head.uri.path().split('/').nth(3).unwrap_or_default();
        Self {
            model: model.to_owned(),
            key: key.strip_prefix("Bearer ").unwrap_or(key).to_owned(),
            #[expect(clippy::cast_precision_loss, reason = "prompts are small")]
            tokens: body.len() as f64 / 4.0,
            stream: text(header::ACCEPT) == "text/event-stream",
            malformed: !(body.starts_with(b"{") && body.ends_with(b"}")),
        }
    }
}
