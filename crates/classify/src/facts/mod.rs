//! One normalised view of a failed response, whatever envelope it came in.

mod echo;
mod envelope;
mod few;
mod ids;
mod list;
mod node;
mod phrases;
mod quotes;
mod role;
mod scan;
#[cfg(test)]
mod tests;
mod waits;
mod wrapped;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use tower_steady_core::hint;

use self::few::Few;
pub(crate) use self::ids::{Id, Name, same};
pub(crate) use self::list::Phrase;
pub(crate) use self::phrases::Phrases;
use self::phrases::Said;
pub(crate) use self::quotes::cut;
use crate::Provider;

static ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
static AMZ_RETRY_AFTER: HeaderName = HeaderName::from_static("x-amz-retry-after");
static RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// What is known of a response when it is classified: its head, and the words for machines and for
/// people that its body carries, wherever they stand.
///
/// Made by [`Facts::read`]; handed to a [`Classifier`](crate::Classifier) and to rules of your own.
pub struct Facts<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    provider: Option<Provider>,
    body: &'a [u8],
    found: Found<'a>,
    said: OnceCell<Said>,
}

/// What the body says.
#[derive(Default)]
pub(crate) struct Found<'a> {
    /// Words for machines: codes, types, reasons, exception names.
    ids: Few<Id<'a>, 12>,
    /// Words for people.
    messages: Few<Cow<'a, str>, 4>,
    /// A status that the body states beside or instead of the head's.
    code: Option<u16>,
    /// The status of whoever stands behind the provider.
    upstream: Option<u16>,
    /// A quota of a day or a month is among the violated ones.
    fixed_window: bool,
    wait: Option<Wait>,
    retryable: Option<bool>,
    /// The body says that it is an error: needed where the status does not.
    is_error: bool,
}

/// A wait that the body states in a field of its own.
#[derive(Clone, Copy)]
enum Wait {
    For(Duration),
    /// A reset as it is written, in thousandths; what it means depends on its size and on the clock.
    Reset(f64),
}

impl Wait {
    fn reset(text: &[u8]) -> Self {
        let text = std::str::from_utf8(text).unwrap_or_default();
        Self::Reset(text.trim_ascii().parse().unwrap_or_default())
    }
}

impl Found<'_> {
    fn into_owned(self) -> Found<'static> {
        let Self {
            ids,
            messages,
            code,
            upstream,
            fixed_window,
            wait,
            retryable,
            is_error,
        } = self;
        Found {
            ids: ids.map(Id::into_owned),
            messages: messages.map(|text| Cow::Owned(text.into_owned())),
            code,
            upstream,
            fixed_window,
            wait,
            retryable,
            is_error,
        }
    }

    fn has_words(&self) -> bool {
        self.ids.len() + self.messages.len() > 0 || self.code.is_some()
    }

    /// Adds what an answer inside this one says.
    fn absorb<'a>(&mut self, inner: Found<'static>, messages: &mut Few<Cow<'a, str>, 4>) {
        self.code = self.code.or(inner.code);
        self.upstream = self.upstream.or(inner.upstream);
        self.fixed_window |= inner.fixed_window;
        self.wait = self.wait.or(inner.wait);
        for id in inner.ids {
            self.ids.push(id);
        }
        for message in inner.messages {
            messages.push(message);
        }
    }
}

impl<'a> Facts<'a> {
    /// Reads the facts of a response from its head and as much of its body as there is.
    ///
    /// The body is what the server sent with any content encoding undone (see
    /// [`classify_response`](crate::classify_response) for one that does it). A body that is not
    /// JSON, or was cut, has no facts.
    #[must_use]
    pub fn read(
        status: StatusCode,
        headers: &'a HeaderMap,
        body: &'a [u8],
        provider: Option<Provider>,
    ) -> Self {
        let mut facts = Self {
            status,
            headers,
            provider,
            body,
            found: Found::default(),
            said: OnceCell::new(),
        };
        // Filled in place, for it is large.
        if let Some(json) = json_in(body) {
            envelope::read(json, &mut facts.found);
        }
        if let Some(name) = header(headers, &ERROR_TYPE) {
            facts.found.ids.push(Id::new(Cow::Borrowed(name)));
        }
        facts
    }

    /// Adds an identifier that stood outside of head and body: an event's name, a gRPC status.
    pub(crate) fn with_id(mut self, id: &'a str) -> Self {
        self.found.ids.push(Id::new(Cow::Borrowed(id)));
        self
    }

    /// Adds a message that stood outside of the body: `grpc-message`.
    pub(crate) fn with_message(mut self, message: Cow<'a, str>) -> Self {
        self.found.messages.push(message);
        self
    }

    pub(crate) fn with_code(mut self, code: u16) -> Self {
        self.found.code = Some(code);
        self
    }

    /// The status of the head.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The status that the failure has: the head's, or for an error inside a 200 the one that the
    /// body states, if it does.
    #[must_use]
    pub fn effective_status(&self) -> Option<StatusCode> {
        if self.status.as_u16() >= 400 {
            return Some(self.status);
        }
        let stated = self.found.code.or(self.found.upstream)?;
        StatusCode::from_u16(stated).ok()
    }

    /// A status that the body states: a numeric `code`, `status` or the like.
    #[must_use]
    pub fn stated_status(&self) -> Option<u16> {
        self.found.code
    }

    /// The status that the body gives to whoever stands behind the provider
    /// (`originalStatusCode`, `raw_status_code`).
    #[must_use]
    pub fn upstream_status(&self) -> Option<u16> {
        self.found.upstream
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The provider, if it is configured or gives itself away.
    #[must_use]
    pub fn provider(&self) -> Option<Provider> {
        self.provider
            .or_else(|| Provider::from_headers(self.headers))
    }

    /// The bytes that were looked at, decoded.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether the body says that it is an error, whatever the status says.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.found.is_error
    }

    /// The identifiers found: codes, types, reasons and exception names, from every level of the
    /// envelope, outermost first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.found.ids.iter().map(Id::as_str)
    }

    /// Whether one of the identifiers is `id`, compared whole, without case and separators.
    #[must_use]
    pub fn has_id(&self, id: &str) -> bool {
        self.ids()
            .any(|found| same(found.as_bytes(), id.as_bytes()))
    }

    /// The messages for people, outermost first.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.found.messages.iter().map(|text| &**text)
    }

    /// The flag of Cloudflare's structured errors.
    #[must_use]
    pub fn retryable(&self) -> Option<bool> {
        self.found.retryable
    }

    /// How long the body asks to wait: from a field of its own, else from the message.
    ///
    /// A sentence counts only where no header of the `retry-after` family says the same more exactly.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.stated_wait().or_else(|| {
            if self.has_wait_header() {
                None
            } else {
                self.wait_in_words()
            }
        })
    }

    fn stated_wait(&self) -> Option<Duration> {
        match self.found.wait? {
            Wait::For(wait) => Some(wait),
            Wait::Reset(number) => hint::reset(format!("{number}").as_bytes(), self.now()),
        }
    }

    /// The wait that a message states. It holds a number, which most messages do not.
    pub(crate) fn wait_in_words(&self) -> Option<Duration> {
        let has_digit = |text: &str| {
            let digits = text.bytes().map(|byte| byte.is_ascii_digit());
            digits.fold(false, |any, digit| any | digit)
        };
        self.messages().any(has_digit).then(|| self.said().wait)?
    }

    /// Whether a header of the `retry-after` family states a wait.
    pub(crate) fn has_wait_header(&self) -> bool {
        let means = |name: &HeaderName| {
            let values = self.headers.get_all(name).into_iter();
            values.into_iter().any(|value| {
                let value = hint::trim(value.as_bytes());
                let number = hint::seconds(value).is_some_and(|wait| !wait.is_zero());
                let text = std::str::from_utf8(value).unwrap_or_default();
                number || httpdate::parse_http_date(text).is_ok()
            })
        };
        means(&RETRY_AFTER_MS) || means(&RETRY_AFTER) || means(&AMZ_RETRY_AFTER)
    }

    /// The moment that absolute times are measured against: the response's own `Date`, for two clocks
    /// may differ.
    fn now(&self) -> Duration {
        let date = header(self.headers, &DATE);
        date.and_then(|date| httpdate::parse_http_date(date).ok())
            .unwrap_or_else(SystemTime::now)
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }

    pub(crate) fn found_ids(&self) -> impl Iterator<Item = &Id<'a>> {
        self.found.ids.iter()
    }

    pub(crate) fn says(&self, phrases: Phrases) -> bool {
        self.phrases().meets(phrases)
    }

    pub(crate) fn phrases(&self) -> Phrases {
        self.said().phrases
    }

    fn said(&self) -> &Said {
        self.said.get_or_init(|| Said::in_messages(self.messages()))
    }

    /// "Limit 30000, … Requested 31538", where a message states both.
    pub(crate) fn limit_and_request(&self) -> Option<(u64, u64)> {
        self.said().limit.zip(self.said().requested)
    }

    /// A limit of a day or a month is named, and no shorter one before it.
    pub(crate) fn says_window(&self, phrase: Phrase) -> bool {
        self.phrases().has(phrase) && !self.said().short_window
    }

    /// A quota of a day or a month is violated.
    pub(crate) fn fixed_window(&self) -> bool {
        self.found.fixed_window
    }
}

impl fmt::Debug for Facts<'_> {
    /// Without messages and body, which may quote a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("status", &self.status)
            .field("provider", &self.provider())
            .field("ids", &self.ids().collect::<Vec<_>>())
            .field("stated_status", &self.found.code)
            .finish_non_exhaustive()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The JSON in a body: from its first brace on, past white space and a byte order mark, or the data of
/// the first event that has JSON where an event stream came with an error status.
fn json_in(body: &[u8]) -> Option<&[u8]> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    match body.first()? {
        b'{' | b'[' | b'"' => Some(body),
        b'd' | b'e' | b':' | b'i' => body
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .filter_map(|line| line.strip_prefix(b"data:"))
            .map(<[u8]>::trim_ascii_start)
            .find(|data| data.starts_with(b"{") || data.starts_with(b"[{")),
        _ => None,
    }
}
