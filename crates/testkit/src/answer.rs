use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

/// One answer of a [`Provider`](crate::Provider): what it sends, how fast, and where it breaks off.
///
/// Start from a ready-made one ([`Answer::ok_chat`], [`Answer::rate_limited`],
/// [`Answer::overloaded`], ..., [`Sse`](crate::Sse) for streams) or from [`Answer::new`], and bend
/// it. The setters may come in any order. Nothing here panics: what cannot be sent (a status of
/// 1000, a header name with a space) is answered with a 500 that says so, and found by
/// [`Answer::problem`] and [`Call::problem`](crate::Call::problem).
///
/// ```
/// use std::time::Duration;
/// use tower_steady_testkit::Answer;
///
/// let slow = Answer::ok_chat("Hello").delay(Duration::from_secs(3));
/// let limited = Answer::rate_limited().retry_after(2);
/// let torn = Answer::ok_chat("Hello").cut_after(20);
/// let stuck = Answer::hang();
/// assert_eq!(Answer::new(1000).problem(), Some("`status` must be 100 to 999, got 1000"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) steps: Vec<Step>,
    pub(crate) pace: Duration,
    pub(crate) chunked: bool,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) request_id: Option<HeaderName>,
    pub(crate) delay: Duration,
    pub(crate) read: u64,
    pub(crate) fault: Option<Fault>,
    pub(crate) abrupt: bool,
    problem: Option<String>,
}

/// What the playing of a body consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Data(Bytes),
    Wait(Duration),
    Trailers(HeaderMap),
    Cut,
    Hang,
}

/// Where an answer breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// As if nobody listened.
    Refuse,
    /// The connection goes before the head.
    CutBeforeHead,
    /// The connection goes after this many bytes on the wire.
    CutInHead(u64),
    /// The connection goes after this many bytes of the body.
    CutAfter(u64),
    /// The head never comes.
    HangBeforeHead,
    /// The body stops after this many bytes, and the connection stays.
    HangAfter(u64),
    /// The HTTP/2 stream is reset with this code before the head.
    ResetStream(u32),
}

impl Answer {
    /// An answer with this status and an empty body.
    pub fn new(status: u16) -> Self {
        let mut answer = Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            headers: HeaderMap::new(),
            steps: Vec::new(),
            pace: Duration::ZERO,
            chunked: false,
            trailers: None,
            request_id: None,
            delay: Duration::ZERO,
            read: u64::MAX,
            fault: None,
            abrupt: false,
            problem: None,
        };
        match StatusCode::from_u16(status) {
            Ok(status) => answer.status = status,
            Err(_) => answer.refuse_script(format!("`status` must be 100 to 999, got {status}")),
        }
        answer
    }

    /// A 200 that takes a connection and never sends a byte.
    pub fn hang() -> Self {
        Self::new(200).fault(Fault::HangBeforeHead)
    }

    /// The connection is closed (FIN) when the request has been read, without a byte of an answer.
    /// From [`Provider::service`](crate::Provider::service): an [`std::io::Error`] of kind
    /// `UnexpectedEof`.
    pub fn closed() -> Self {
        Self::new(200).fault(Fault::CutBeforeHead)
    }

    /// The connection is reset (RST) when the request has been read. From
    /// [`Provider::service`](crate::Provider::service): an [`std::io::Error`] of kind
    /// `ConnectionReset`.
    pub fn reset() -> Self {
        Self::closed().abruptly()
    }

    /// From [`Provider::service`](crate::Provider::service): an [`std::io::Error`] of kind
    /// `ConnectionRefused`. It is counted by [`Provider::refused`](crate::Provider::refused) and is not
    /// among the calls, for a provider that refuses receives nothing.
    ///
    /// A server cannot refuse a connection that it has taken, so over TCP this is a reset before the
    /// body is read; for the real thing use [`Server::kill`](crate::Server::kill).
    pub fn refused() -> Self {
        Self::new(200).fault(Fault::Refuse).before_body()
    }

    /// `RST_STREAM` with this error code (RFC 9113 section 7) in place of a head, while the connection
    /// stays. On HTTP/1.1 the same as [`Answer::closed`]. From
    /// [`Provider::service`](crate::Provider::service): an [`std::io::Error`] around the
    /// [`h2::Error`], as hyper wraps it.
    pub fn reset_stream(code: u32) -> Self {
        Self::new(200).fault(Fault::ResetStream(code))
    }

    /// `REFUSED_STREAM`: the provider has not processed the request (RFC 9113 section 8.7).
    pub fn refused_stream() -> Self {
        Self::reset_stream(h2::Reason::REFUSED_STREAM.into()).before_body()
    }

    /// Adds a header. A second value under the same name is added, not replaced, except for
    /// `content-type`, `content-length` and `retry-after`.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        if let Some((name, value)) = self.checked(name.as_ref(), value.as_ref()) {
            if name == CONTENT_TYPE || name == RETRY_AFTER || name == http::header::CONTENT_LENGTH {
                self.headers.insert(name, value);
            } else {
                self.headers.append(name, value);
            }
        }
        self
    }

    /// Takes a header off.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        if self
            .request_id
            .as_ref()
            .is_some_and(|id| id.as_str() == name)
        {
            self.request_id = None;
        }
        self
    }

    /// `retry-after` in seconds (RFC 9110 section 10.2.3).
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, seconds.to_string())
    }

    /// `retry-after-ms`, which OpenAI and Azure send beside or instead of `retry-after`.
    pub fn retry_after_ms(self, milliseconds: u64) -> Self {
        self.header("retry-after-ms", milliseconds.to_string())
    }

    /// The whole body, sent with its `content-length`. Replaces what was there.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.steps = vec![Step::Data(body.into())];
        self.chunked = false;
        self
    }

    /// A whole body of JSON with its content type. The text is sent as it is, valid or not.
    pub fn json(self, json: impl Into<Bytes>) -> Self {
        self.header(CONTENT_TYPE, "application/json").body(json)
    }

    /// Adds a chunk, sent on its own. The body has no `content-length` from then on.
    pub fn chunk(mut self, chunk: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Data(chunk.into()));
        self.chunked = true;
        self
    }

    /// Waits before what is added to the body next (or before its end).
    pub fn wait(mut self, time: Duration) -> Self {
        self.steps.push(Step::Wait(time));
        self
    }

    /// Waits this long before every chunk.
    pub fn pace(mut self, time: Duration) -> Self {
        self.pace = time;
        self
    }

    /// Adds a trailer. HTTP/1.1 sends trailers only with `trailer` announced and `te: trailers`
    /// asked for; HTTP/2 always.
    pub fn trailer<N, V>(mut self, name: N, value: V) -> Self
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        if let Some((name, value)) = self.checked(name.as_ref(), value.as_ref()) {
            self.trailers.get_or_insert_default().append(name, value);
            self.chunked = true;
        }
        self
    }

    /// Waits before the head, once the request has been read.
    pub fn delay(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// Answers without reading the request's body, which is dropped: the server closes an HTTP/1.1
    /// connection with it, and resets an HTTP/2 stream.
    pub fn before_body(self) -> Self {
        self.after_reading(0)
    }

    /// Answers when this many bytes of the request's body have arrived, and reads no more.
    pub fn after_reading(mut self, bytes: u64) -> Self {
        self.read = bytes;
        self
    }

    /// The connection goes after `bytes` bytes on the wire, counted from the status line. On
    /// HTTP/2 these are bytes of frames. From [`Provider::service`](crate::Provider::service), where
    /// a head comes whole or not at all, the same as [`Answer::closed`].
    pub fn cut_in_head(self, bytes: u64) -> Self {
        self.fault(Fault::CutInHead(bytes))
    }

    /// The connection goes after `bytes` bytes of the body, and before its end if it is shorter.
    pub fn cut_after(self, bytes: u64) -> Self {
        self.fault(Fault::CutAfter(bytes))
    }

    /// The body stops after `bytes` bytes, or before its end if it is shorter, while the connection
    /// stays open.
    pub fn hang_after(self, bytes: u64) -> Self {
        self.fault(Fault::HangAfter(bytes))
    }

    /// A cut resets the connection (RST) rather than closing it (FIN).
    pub fn abruptly(mut self) -> Self {
        self.abrupt = true;
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// All bytes of the body, faults aside.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let chunks = self.steps.iter().filter_map(|step| match step {
            Step::Data(data) => Some(&data[..]),
            _ => None,
        });
        chunks.collect::<Vec<_>>().concat().into()
    }

    /// What in this answer cannot be sent, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The provider's id for each request under this name; the values count up.
    pub(crate) fn request_id(mut self, name: &'static str) -> Self {
        self.request_id = Some(HeaderName::from_static(name));
        self
    }

    pub(crate) fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn checked(&mut self, name: &[u8], value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let Ok(checked_name) = HeaderName::from_bytes(name) else {
            let name = String::from_utf8_lossy(name);
            self.refuse_script(format!("`{name}` is no name of a header"));
            return None;
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            self.refuse_script(format!("`{checked_name}` has a value no header can have"));
            return None;
        };
        Some((checked_name, value))
    }

    /// The first problem stays: what follows may come of it.
    fn refuse_script(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}
