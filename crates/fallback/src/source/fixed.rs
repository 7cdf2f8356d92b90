use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tower_steady_core::{ConfigError, Outcome};

use super::{Given, Source, checked_name};
use crate::{ResponseBody, Stock, Tried};

/// Always the same answer.
#[derive(Clone)]
pub struct Fixed {
    name: Arc<str>,
    response: Arc<Response<Bytes>>,
}

impl Fixed {
    /// Answers with this response, under the name `fixed`.
    #[must_use]
    pub fn new(response: Response<Bytes>) -> Self {
        Self {
            name: "fixed".into(),
            response: Arc::new(response),
        }
    }

    /// Sets the name.
    ///
    /// # Errors
    ///
    /// A name that cannot stand in a header as a token.
    pub fn name(mut self, name: &str) -> Result<Self, ConfigError> {
        self.name = checked_name(name)?;
        Ok(self)
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fixed").field(&self.name).finish()
    }
}

impl Stock for Fixed {}

impl<B, RB> Source<B, RB> for Fixed {
    type Kept = ();
    type Future = Ready<Result<Given<RB>, Tried>>;

    fn keep(&self, _: &Request<B>) -> Option<()> {
        Some(())
    }

    fn answer(&self, (): (), _: &Outcome) -> Self::Future {
        let response = (*self.response).clone();
        let response = response.map(|body| ResponseBody::kept([body]));
        ready(Ok(Given::new(Arc::clone(&self.name), response)))
    }
}
