use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Everything that is traced on this thread, at every level, while it lives.
///
/// ```
/// use tower_steady_testkit::Capture;
///
/// let capture = Capture::start();
/// tracing::warn!(class = "overloaded", attempt = 1, "retrying");
///
/// let warnings = capture.at(tracing::Level::WARN);
/// assert_eq!(warnings[0].message, "retrying");
/// assert_eq!(warnings[0].field("class"), Some("overloaded"));
/// assert!(!capture.text().contains("sk-secret"));
/// ```
///
/// It is the default of the *thread* that started it, so in a test on a multi-thread runtime it sees
/// only what that thread does.
#[must_use = "capturing ends when this is dropped"]
pub struct Capture {
    seen: Arc<Mutex<Vec<Captured>>>,
    _default: DefaultGuard,
}

/// An event, or the making of a span, with its fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Captured {
    /// The level.
    pub level: Level,
    /// The target, mostly the module.
    pub target: String,
    /// The message; of a span its name.
    pub message: String,
    /// Every other field, in order, as it prints.
    pub fields: Vec<(&'static str, String)>,
    /// Whether this is a span (its making, or values recorded later) and no event.
    pub is_span: bool,
    /// The names of the spans that an event stands in, outermost first.
    pub spans: Vec<&'static str>,
}

impl Captured {
    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(field, _)| *field == name)?;
        Some(value)
    }
}

impl Capture {
    /// Starts to capture on this thread.
    pub fn start() -> Self {
        let seen = Arc::<Mutex<Vec<Captured>>>::default();
        let writer = Writer(Arc::clone(&seen));
        let subscriber = Registry::default().with(writer);
        Self {
            seen,
            _default: tracing::subscriber::set_default(subscriber),
        }
    }

    /// All events so far, without spans.
    #[must_use]
    pub fn events(&self) -> Vec<Captured> {
        self.pick(|captured| !captured.is_span)
    }

    /// The events at this level.
    #[must_use]
    pub fn at(&self, level: Level) -> Vec<Captured> {
        self.pick(|captured| !captured.is_span && captured.level == level)
    }

    /// The events and spans whose target starts with this: a crate, or a family of crates.
    #[must_use]
    pub fn from(&self, target: &str) -> Vec<Captured> {
        self.pick(|captured| captured.target.starts_with(target))
    }

    /// Everything as text, a line each: to search for what must not be there.
    #[must_use]
    pub fn text(&self) -> String {
        text(&lock(&self.seen))
    }

    fn pick(&self, pick: impl Fn(&Captured) -> bool) -> Vec<Captured> {
        let seen = lock(&self.seen);
        seen.iter().filter(|one| pick(one)).cloned().collect()
    }
}

fn text(captured: &[Captured]) -> String {
    let mut text = String::new();
    for one in captured {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{one}");
    }
    text
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.level, self.target, self.message)?;
        for (name, value) in &self.fields {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = lock(&self.seen).len();
        f.debug_struct("Capture")
            .field("seen", &seen)
            .finish_non_exhaustive()
    }
}

fn lock(seen: &Mutex<Vec<Captured>>) -> MutexGuard<'_, Vec<Captured>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer(Arc<Mutex<Vec<Captured>>>);

impl Writer {
    fn write(&self, metadata: &Metadata<'_>, fields: Fields, spans: Vec<&'static str>) {
        let is_span = metadata.is_span();
        let message = fields.message.filter(|_| !is_span);
        lock(&self.0).push(Captured {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: message.unwrap_or_else(|| metadata.name().to_owned()),
            fields: fields.others,
            is_span,
            spans,
        });
    }
}

impl<S: Subscriber> Layer<S> for Writer
where
    S: for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope = context.event_scope(event).into_iter();
        let spans = scope.flat_map(|scope| scope.from_root());
        let spans = spans.map(|span| span.name()).collect();
        self.write(event.metadata(), fields, spans);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        self.write(attributes.metadata(), fields, Vec::new());
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(metadata) = context.metadata(id) {
            self.write(metadata, fields, Vec::new());
        }
    }
}

#[derive(Default)]
struct Fields {
    message: Option<String>,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

impl Fields {
    fn add(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = Some(value);
        } else {
            self.others.push((field.name(), value));
        }
    }
}
