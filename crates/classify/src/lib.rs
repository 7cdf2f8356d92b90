//! A tower layer that says what happened to a call to an LLM provider, and whether another try is
//! worth it.

mod body;
mod chunks;
mod classifier;
mod classify;
mod config;
mod decode;
mod events;
mod facts;
mod future;
mod layer;
mod note;
mod peek;
mod provider;
mod rules;
mod service;
mod stream;
mod transport;

pub use self::body::ResponseBody;
pub use self::classifier::{Classifier, DefaultClassifier};
pub use self::classify::classify_response;
pub use self::config::ClassifyBuilder;
pub use self::facts::Facts;
pub use self::future::ResponseFuture;
pub use self::layer::ClassifyLayer;
pub use self::provider::Provider;
pub use self::rules::{RuleInfo, UserRule, rules};
pub use self::service::Classify;
pub use self::transport::classify_error;
