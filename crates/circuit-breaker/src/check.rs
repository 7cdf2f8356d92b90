//! The limits of configuration values.

use std::time::Duration;

use tower_steady_core::ConfigError;

pub(crate) fn in_range(
    field: &'static str,
    value: u32,
    least: u32,
    most: u32,
) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(
        field,
        format!("must be from {least} to {most}, got {value}"),
    ))
}

pub(crate) fn at_least_one(field: &'static str, value: usize) -> Result<(), ConfigError> {
    if value > 0 {
        return Ok(());
    }
    Err(ConfigError::new(field, "must be at least 1, got 0"))
}

pub(crate) fn positive(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value > Duration::ZERO {
        return Ok(());
    }
    Err(ConfigError::new(field, "must be longer than 0"))
}

pub(crate) fn share(field: &'static str, value: f64) -> Result<(), ConfigError> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    Err(ConfigError::new(
        field,
        format!("must be above 0 and at most 1, got {value}"),
    ))
}
