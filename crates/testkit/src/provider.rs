use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::{Progress, Record};
use crate::{Answer, Call, ProviderService, Script, Server};

/// An LLM provider that misbehaves to a script, and remembers what it received.
///
/// Clones are handles on the same provider. It has two homes, which may be used at once:
/// [`Provider::service`] without sockets, for the paused clock, and [`Provider::serve`] on loopback.
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Inner>,
}

struct Inner {
    rules: Mutex<Vec<Arc<Rule>>>,
    main: Arc<Rule>,
    record: Arc<Record>,
    unready: AtomicU64,
}

/// A script and the requests it is for.
struct Rule {
    when: When,
    script: Mutex<Arc<Script>>,
    used: AtomicUsize,
}

enum When {
    Always,
    Path(String),
    Model(String),
    Call(Box<dyn Fn(&Call) -> bool + Send + Sync>),
}

impl When {
    fn needs_body(&self) -> bool {
        matches!(self, Self::Model(_) | Self::Call(_))
    }

    fn holds(&self, call: &Call) -> bool {
        match self {
            Self::Always => true,
            Self::Path(path) => call.path() == path,
            Self::Model(model) => call.model().as_ref() == Some(model),
            Self::Call(holds) => holds(call),
        }
    }
}

impl Rule {
    fn new(when: When, script: Script) -> Arc<Self> {
        Arc::new(Self {
            when,
            script: Mutex::new(Arc::new(script)),
            used: AtomicUsize::new(0),
        })
    }

    fn script(&self) -> Arc<Script> {
        Arc::clone(&self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Provider {
    /// A provider that gives every request the next answer of `script`: an [`Answer`], a list of
    /// them, or a [`Script`].
    #[must_use]
    pub fn new(script: impl Into<Script>) -> Self {
        Self {
            inner: Arc::new(Inner {
                rules: Mutex::default(),
                main: Rule::new(When::Always, script.into()),
                record: Arc::new(Record::new()),
                unready: AtomicU64::new(0),
            }),
        }
    }

    /// A script of its own for requests to exactly this path. Of several rules the first one wins.
    #[must_use]
    pub fn route(self, path: impl Into<String>, script: impl Into<Script>) -> Self {
        self.rule(When::Path(path.into()), script.into())
    }

    /// A script of its own for requests whose body asks for this `model`. The body is read before the
    /// answer is chosen, also by every rule after this one.
    #[must_use]
    pub fn model(self, model: impl Into<String>, script: impl Into<Script>) -> Self {
        self.rule(When::Model(model.into()), script.into())
    }

    /// A script of its own for the requests that `when` picks, with their bodies read.
    #[must_use]
    pub fn when(
        self,
        when: impl Fn(&Call) -> bool + Send + Sync + 'static,
        script: impl Into<Script>,
    ) -> Self {
        self.rule(When::Call(Box::new(when)), script.into())
    }

    fn rule(self, when: When, script: Script) -> Self {
        let rule = Rule::new(when, script);
        self.rules().push(rule);
        self
    }

    /// Starts another script from its first answer, for the requests that no rule picks.
    pub fn play(&self, script: impl Into<Script>) {
        let main = &self.inner.main;
        let script = Arc::new(script.into());
        *main.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
        main.used.store(0, Ordering::SeqCst);
    }

    /// The provider as a tower service, without sockets.
    #[must_use]
    pub fn service(&self) -> ProviderService {
        ProviderService::new(self.clone())
    }

    /// The provider as a server on a free port of 127.0.0.1, HTTP/1.1 and HTTP/2 (prior knowledge),
    /// on the runtime of the caller.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn serve(&self) -> io::Result<Server> {
        Server::start(self.clone()).await
    }

    /// Everything received so far, in the order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.record.calls()
    }

    /// How many requests were received.
    #[must_use]
    pub fn received(&self) -> usize {
        self.inner.record.count(|_| true)
    }

    /// How many calls are being answered: their futures or bodies are alive at the client.
    #[must_use]
    pub fn open(&self) -> usize {
        self.inner
            .record
            .count(|call| call.progress == Progress::Open)
    }

    /// How many requests [`Answer::refused`] has turned away. They are not among the calls.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.inner.record.refused()
    }

    /// How often a [`ProviderService`] was called without having been polled ready by that clone,
    /// which breaks the contract of `tower::Service`.
    #[must_use]
    pub fn unready_calls(&self) -> u64 {
        self.inner.unready.load(Ordering::SeqCst)
    }

    /// Empties the record and returns what was in it.
    pub fn take_calls(&self) -> Vec<Call> {
        self.inner.record.forget()
    }

    /// Waits until `calls` requests have been received (their heads, at least), and returns them.
    pub async fn wait_for(&self, calls: usize) -> Vec<Call> {
        self.inner
            .record
            .wait(|received| received.len() >= calls)
            .await;
        self.calls()
    }

    /// Waits until no call is open: every client has its answer or is gone.
    pub async fn settled(&self) -> Vec<Call> {
        let over = |call: &Call| call.progress != Progress::Open;
        self.inner.record.wait(|calls| calls.iter().all(over)).await;
        self.calls()
    }

    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.inner.record
    }

    pub(crate) fn note_unready(&self) {
        self.inner.unready.fetch_add(1, Ordering::SeqCst);
    }

    /// The answer to `call`, or `None` where that depends on a body that has not been read.
    pub(crate) fn choose(&self, call: &Call, body_read: bool) -> Option<Answer> {
        // Outside the lock: the rules call functions of the user's.
        let rules = self.rules().clone();
        for rule in rules.iter().chain([&self.inner.main]) {
            if rule.when.needs_body() && !body_read {
                return None;
            }
            if !rule.when.holds(call) {
                continue;
            }
            let script = rule.script();
            if !body_read && script.needs_body(rule.used.load(Ordering::SeqCst)) {
                return None;
            }
            let index = rule.used.fetch_add(1, Ordering::SeqCst);
            return Some(script.answer(index, call));
        }
        None
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Rule>>> {
        let rules = &self.inner.rules;
        rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("record", &self.inner.record)
            .finish_non_exhaustive()
    }
}
