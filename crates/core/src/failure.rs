use std::error::Error;
use std::fmt;
use std::mem;

use crate::report::fmt_sends;
use crate::{BoxError, Class, Outcome, Report};

/// An error with the outcome of the call around it.
///
/// One wrapper, amended on its way up. The original error stays reachable by
/// [`source`](Error::source) and, by value, by [`Failure::into_source`] and
/// [`Failure::downcast_source`], so that the likes of `hyper::Error::is_timeout` stay usable. Where a
/// layer in between wraps it in an error of its own, [`Failure::find`] still finds it; of several,
/// the outermost counts.
///
/// ```
/// use std::io;
/// use tower_steady_core::{BoxError, Class, Failure, Outcome};
///
/// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
/// let error: BoxError = Failure::new(Outcome::new(Class::Transport), refused).into();
///
/// let failure = Failure::find(&*error).unwrap();
/// assert_eq!(failure.outcome().class, Class::Transport);
/// assert!(failure.find_source::<io::Error>().is_some());
/// ```
///
/// Neither `Display` nor `Debug` prints what the original error says: that of an HTTP client may hold the
/// URL, and the URL a key. A log that wants it walks the sources.
pub struct Failure {
    outcome: Outcome,
    report: Option<Report>,
    source: BoxError,
}

impl Failure {
    /// Wraps `source`.
    #[must_use]
    pub fn new(outcome: Outcome, source: impl Into<BoxError>) -> Self {
        Self {
            outcome,
            report: None,
            source: source.into(),
        }
    }

    /// What happened.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What happened, to be amended.
    pub fn outcome_mut(&mut self) -> &mut Outcome {
        &mut self.outcome
    }

    /// What was tried, once a retry layer has had its last word.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// Adds or replaces the report.
    pub fn set_report(&mut self, report: Report) {
        self.report = Some(report);
    }

    /// The original error, to be wrapped in another that says more.
    pub fn source_mut(&mut self) -> &mut BoxError {
        &mut self.source
    }

    /// The original error, by value.
    #[must_use]
    pub fn into_source(self) -> BoxError {
        self.source
    }

    /// The original error by value if it is a `T`.
    ///
    /// # Errors
    ///
    /// Gives the failure back unchanged if it is not.
    #[expect(clippy::boxed_local, reason = "a boxed error is what callers hold")]
    pub fn downcast_source<T: Error + 'static>(self: Box<Self>) -> Result<Box<T>, Box<Self>> {
        let Self {
            outcome,
            report,
            source,
        } = *self;
        source.downcast().map_err(|source| {
            Box::new(Self {
                outcome,
                report,
                source,
            })
        })
    }

    /// The first `T` among the sources, however deep.
    #[must_use]
    pub fn find_source<T: Error + 'static>(&self) -> Option<&T> {
        chain(&*self.source).find_map(|error| error.downcast_ref())
    }

    /// The outermost failure in the chain that starts at `error`.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }

    /// Makes `error` itself a failure if it is not one yet, and lends it. A failure further in
    /// passes its outcome and report on to the new one.
    #[expect(clippy::missing_panics_doc, reason = "it has just been made one")]
    pub fn outermost(error: &mut BoxError) -> &mut Self {
        if !error.is::<Self>() {
            let (outcome, report) = match Self::find(&**error) {
                Some(inner) => (inner.outcome.clone(), inner.report.clone()),
                None => (Outcome::new(Class::Transport), None),
            };
            let source = mem::replace(error, Box::new(Vacant));
            *error = Box::new(Self {
                outcome,
                report,
                source,
            });
        }
        error.downcast_mut().expect("made a failure above")
    }
}

/// An error and its sources, outermost first. Bounded, for a chain may be a ring.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    const MOST: usize = 64;
    std::iter::successors(Some(error), |&error| error.source()).take(MOST)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call failed: {}", self.outcome.class)?;
        if let Some(veto) = &self.outcome.veto {
            write!(f, ", {veto}")?;
        }
        if let Some(report) = &self.report {
            f.write_str(", ")?;
            fmt_sends(report, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("outcome", &self.outcome)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Stands in for an error while it is moved into its wrapper. Zero-sized, so boxing it is free.
#[derive(Debug)]
struct Vacant;

impl fmt::Display for Vacant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vacant")
    }
}

impl Error for Vacant {}
