use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, Version};
use tokio::sync::watch;
use tokio::time::Instant;

/// A request that a [`Provider`](crate::Provider) received, and how far it got with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// Counts the requests of a provider from 1, refused ones included.
    pub number: u64,
    /// The method.
    pub method: Method,
    /// The target, as it came: over TCP mostly without scheme and host.
    pub uri: Uri,
    /// The HTTP version.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// What has arrived of the body.
    pub body: Bytes,
    /// Whether the body has been read to its end.
    pub whole: bool,
    /// When the head arrived, on tokio's clock.
    pub at: Instant,
    /// The number of the connection it came over, from 1; `None` without a socket.
    pub connection: Option<u64>,
    /// The status answered, once there is one.
    pub status: Option<StatusCode>,
    /// How far it got.
    pub progress: Progress,
    /// What in the script's answer could not be sent.
    pub problem: Option<String>,
}

/// How far a [`Call`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Being read or answered.
    Open,
    /// Answered, to the end that the script gave it.
    Done,
    /// Dropped by the client, or with its connection, before that end.
    Dropped,
}

impl Call {
    /// The path of the target.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The first value of a header, where it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `model` that a body of JSON asks for.
    #[must_use]
    pub fn model(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get("model")?.as_str().map(str::to_owned)
    }
}

/// All calls of a provider.
pub(crate) struct Record {
    book: Mutex<Book>,
    /// Says that the book has changed.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Book {
    calls: Vec<Call>,
    arrived: u64,
    refused: u64,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            book: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.book().calls.clone()
    }

    pub(crate) fn count(&self, counts: impl Fn(&Call) -> bool) -> usize {
        self.book().calls.iter().filter(|call| counts(call)).count()
    }

    pub(crate) fn refused(&self) -> u64 {
        self.book().refused
    }

    pub(crate) fn forget(&self) -> Vec<Call> {
        self.change(|book| std::mem::take(&mut book.calls))
    }

    /// Waits until `enough` holds of the calls.
    pub(crate) async fn wait(&self, enough: impl Fn(&[Call]) -> bool) {
        let mut changed = self.changed.subscribe();
        while !enough(&self.book().calls) {
            // The sender lives in `self`, so this does not fail.
            let _ = changed.changed().await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let value = change(&mut self.book());
        self.changed.send_replace(());
        value
    }

    /// A panic in a user's test leaves the book as readable as it was.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let book = self.book();
        f.debug_struct("Record")
            .field("calls", &book.calls.len())
            .field("refused", &book.refused)
            .finish()
    }
}

/// The page of one call, to write on while it is open. Dropped before its end, the call was dropped.
#[derive(Debug)]
pub(crate) struct Page {
    record: Arc<Record>,
    number: u64,
    body: BytesMut,
    closed: bool,
}

impl Page {
    pub(crate) fn open(record: Arc<Record>, head: &Parts, connection: Option<u64>) -> Self {
        let number = record.change(|book| {
            book.arrived += 1;
            book.calls.push(Call {
                number: book.arrived,
                method: head.method.clone(),
                uri: head.uri.clone(),
                version: head.version,
                headers: head.headers.clone(),
                body: Bytes::new(),
                whole: false,
                at: Instant::now(),
                connection,
                status: None,
                progress: Progress::Open,
                problem: None,
            });
            book.arrived
        });
        Self {
            record,
            number,
            body: BytesMut::new(),
            closed: false,
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The call as it stands, or `None` after the record was emptied.
    pub(crate) fn call(&self) -> Option<Call> {
        let book = self.record.book();
        let call = book.calls.iter().find(|call| call.number == self.number);
        call.cloned()
    }

    pub(crate) fn received(&mut self, data: &[u8]) {
        self.body.extend_from_slice(data);
    }

    pub(crate) fn read(&self) -> u64 {
        self.body.len() as u64
    }

    /// Writes down what has been read so far. Not done for every frame: it copies.
    pub(crate) fn note_body(&self, whole: bool) {
        let body = Bytes::copy_from_slice(&self.body);
        self.write(|call| {
            call.body = body;
            call.whole = whole;
        });
    }

    pub(crate) fn note_answer(&self, status: Option<StatusCode>, problem: Option<&str>) {
        self.write(|call| {
            call.status = status;
            call.problem = problem.map(str::to_owned);
        });
    }

    /// Takes the call out of the record: a provider that refuses receives nothing.
    pub(crate) fn refuse(&mut self) {
        self.closed = true;
        self.record.change(|book| {
            book.refused += 1;
            book.calls.retain(|call| call.number != self.number);
        });
    }

    pub(crate) fn done(&mut self) {
        self.close(Progress::Done);
    }

    fn close(&mut self, progress: Progress) {
        if !self.closed {
            self.closed = true;
            self.write(|call| call.progress = progress);
        }
    }

    fn write(&self, write: impl FnOnce(&mut Call)) {
        self.record.change(|book| {
            let call = book.calls.iter_mut().rev();
            if let Some(call) = call.into_iter().find(|call| call.number == self.number) {
                write(call);
            }
        });
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.close(Progress::Dropped);
    }
}
