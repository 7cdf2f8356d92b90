//! Errors without a response: what broke, is another try worth it, and can the provider have
//! processed the request?

use std::any::Any;
use std::error::Error;
use std::io;

use tower_steady_core::{BoxError, Class, Failure, Outcome};

/// Longer chains are rings.
const MOST: usize = 64;

/// Classifies an error of the transport by walking its sources: io kinds, timers of tokio and tower,
/// hyper, hyper-util, h2, reqwest and rustls where their features are on.
///
/// A call that tower's `LoadShed` turned away is `rejected`: nothing was sent, and the provider is not to
/// blame. What is not known is a transport failure and worth another try. `sent` is false only where it is
/// certain that the provider did not process the request: no connection was made, or HTTP/2 said so
/// (RFC 9113 sections 6.8 and 8.7).
///
/// An error that carries an outcome already (a [`Failure`] further in) keeps it.
///
/// ```
/// use std::io;
/// use tower_steady_classify::classify_error;
/// use tower_steady_core::Class;
///
/// let outcome = classify_error(&io::Error::from(io::ErrorKind::ConnectionRefused));
/// assert_eq!(outcome.class, Class::Transport);
/// assert!(outcome.transient && !outcome.sent);
/// ```
#[must_use]
pub fn classify_error(error: &(dyn Error + 'static)) -> Outcome {
    if let Some(failure) = Failure::find(error) {
        return failure.outcome().clone();
    }
    let mut seen = Seen::default();
    let mut next = Some(error);
    for _ in 0..MOST {
        let Some(error) = next else { break };
        seen.note(error);
        next = inner(error);
    }
    seen.outcome()
}

/// Classifies an error in which a body ended. Its type is the body's own and need not even be an
/// error (`BoxError` is none), so that only the usual ones are looked into; any other is a broken
/// connection.
pub(crate) fn classify_body_error<E: 'static>(error: &E) -> Outcome {
    let error: &dyn Any = error;
    let known: Option<&(dyn Error + 'static)> =
        if let Some(error) = error.downcast_ref::<BoxError>() {
            Some(&**error)
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            Some(error)
        } else {
            library_error(error)
        };
    let mut outcome = known.map_or_else(|| Outcome::new(Class::Transport), classify_error);
    if outcome.rule.is_none_or(|rule| rule == "transport-unknown") {
        outcome.rule = Some("transport-body");
    }
    // There was a head, so there was a request.
    outcome.sent = true;
    outcome
}

fn library_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    #[cfg(feature = "hyper")]
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return Some(error);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return Some(error);
    }
    error.downcast_ref::<Failure>().map(|error| error as _)
}

/// The next error in. `io::Error::source` skips the error that it holds and gives that one's source,
/// so that a `rustls::Error` in an `io::Error` is not on the chain that `source` alone walks.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(held) => Some(held),
        None => error.source(),
    }
}

/// What stands somewhere in the chain.
#[derive(Default)]
struct Seen {
    /// A layer on this side turned the call away.
    shed: bool,
    /// The request cannot be sent as it is.
    request: bool,
    /// The peer's certificate is bad, or the two sides share no protocol.
    certificate: bool,
    redirects: bool,
    decode: bool,
    timeout: bool,
    /// No connection was made.
    connect: bool,
    /// A connection was there, but the request was certainly not processed.
    unprocessed: bool,
    /// A connection broke.
    broken: bool,
}

impl Seen {
    fn outcome(&self) -> Outcome {
        let (class, transient, rule) = match self {
            Self { shed: true, .. } => (Class::Rejected, false, "transport-shed"),
            Self { request: true, .. } => (Class::InvalidRequest, false, "transport-request"),
            Self {
                certificate: true, ..
            } => (Class::Transport, false, "transport-certificate"),
            Self {
                redirects: true, ..
            } => (Class::Unknown, false, "transport-redirects"),
            Self { timeout: true, .. } => (Class::Timeout, true, "transport-timeout"),
            Self { connect: true, .. } => (Class::Transport, true, "transport-connect"),
            Self {
                unprocessed: true, ..
            } => (Class::Transport, true, "transport-unprocessed"),
            Self { broken: true, .. } => (Class::Transport, true, "transport-broken"),
            Self { decode: true, .. } => (Class::Unknown, false, "transport-decode"),
            _ => (Class::Transport, true, "transport-unknown"),
        };
        let mut outcome = Outcome::new(class);
        outcome.transient = transient;
        outcome.sent =
            !(self.shed || self.request || self.certificate || self.connect || self.unprocessed);
        outcome.rule = Some(rule);
        outcome
    }

    fn note(&mut self, error: &(dyn Error + 'static)) {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            self.io(error);
        }
        self.timeout |= error.is::<tokio::time::error::Elapsed>();
        self.request |= error.is::<http::Error>() || error.is::<http::uri::InvalidUri>();
        self.decode |= error.is::<serde_json::Error>();
        #[cfg(feature = "tower")]
        {
            self.timeout |= error.is::<tower::timeout::error::Elapsed>();
            self.shed |= error.is::<tower::load_shed::error::Overloaded>();
        }
        #[cfg(feature = "hyper")]
        self.hyper(error);
        #[cfg(feature = "h2")]
        self.h2(error);
        #[cfg(feature = "reqwest")]
        self.reqwest(error);
        #[cfg(feature = "rustls")]
        self.rustls(error);
        self.text(error);
    }

    fn io(&mut self, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::TimedOut => self.timeout = true,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => self.connect = true,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => self.broken = true,
            _ => {}
        }
    }

    #[cfg(feature = "hyper")]
    fn hyper(&mut self, error: &(dyn Error + 'static)) {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            self.connect |= error.is_connect();
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            self.timeout |= error.is_timeout();
            // Given back unsent: the connection closed before its turn came.
            self.unprocessed |= error.is_canceled();
            self.broken |= error.is_incomplete_message()
                || error.is_closed()
                || error.is_body_write_aborted()
                || error.is_shutdown();
        }
    }

    #[cfg(feature = "h2")]
    fn h2(&mut self, error: &(dyn Error + 'static)) {
        let Some(error) = error.downcast_ref::<h2::Error>() else {
            return;
        };
        self.broken = true;
        // A stream that a graceful GOAWAY ends is past the last one that the server took.
        let graceful = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        let refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        self.unprocessed |= error.is_remote() && (graceful || refused);
    }

    #[cfg(feature = "reqwest")]
    fn reqwest(&mut self, error: &(dyn Error + 'static)) {
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            self.request |= error.is_builder();
            self.redirects |= error.is_redirect();
            self.timeout |= error.is_timeout();
            self.connect |= error.is_connect();
            self.decode |= error.is_decode();
        }
    }

    #[cfg(feature = "rustls")]
    fn rustls(&mut self, error: &(dyn Error + 'static)) {
        use rustls::{AlertDescription as Alert, Error as Tls};

        let Some(error) = error.downcast_ref::<Tls>() else {
            return;
        };
        self.certificate |= matches!(
            error,
            Tls::InvalidCertificate(_)
                | Tls::InvalidCertRevocationList(_)
                | Tls::NoCertificatesPresented
                | Tls::UnsupportedNameType
                | Tls::PeerIncompatible(_)
                | Tls::NoApplicationProtocol
                | Tls::AlertReceived(
                    Alert::BadCertificate
                        | Alert::UnsupportedCertificate
                        | Alert::CertificateRevoked
                        | Alert::CertificateExpired
                        | Alert::CertificateUnknown
                        | Alert::CertificateRequired
                        | Alert::UnknownCA
                        | Alert::ProtocolVersion
                        | Alert::HandshakeFailure
                        | Alert::NoApplicationProtocol
                )
        );
        self.broken = true;
    }

    /// What only the text tells: private types, and TLS libraries that are not compiled in.
    fn text(&mut self, error: &(dyn Error + 'static)) {
        let text = error.to_string();
        self.certificate |= text.starts_with("invalid peer certificate")
            || text.contains("certificate verify failed")
            || text.contains("certificate has expired");
        self.connect |= text.starts_with("dns error")
            || text.starts_with("failed to lookup address information")
            || text.starts_with("error trying to connect");
        self.request |= text.starts_with("invalid URL") || text.contains("UserAbsoluteUriRequired");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_body_comes_after_a_request_whatever_it_says() {
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::NotFound,
            io::ErrorKind::ConnectionReset,
        ] {
            let boxed: BoxError = io::Error::from(kind).into();
            assert!(classify_body_error(&io::Error::from(kind)).sent, "{kind}");
            assert!(classify_body_error(&boxed).sent, "{kind}");
        }
        assert!(!classify_error(&io::Error::from(io::ErrorKind::ConnectionRefused)).sent);
    }
}
