//! Tokens as whole millionths, so that 0.1 + 0.1 + 0.1 is 0.3.

use tower_steady_core::ConfigError;

/// Micro-tokens in a token.
#[cfg(feature = "tower")]
pub(crate) const TOKEN: u64 = 1_000_000;

/// The most tokens that any setting takes. Keeps all sums of a bucket far from the end of a `u64`.
pub(crate) const MOST: f64 = 1e9;

/// Micro-tokens, rounded to the nearest.
///
/// # Errors
///
/// Refuses what is not a number, negative, above [`MOST`], or so small that it would round to
/// nothing.
pub(crate) fn from_f64(field: &'static str, tokens: f64) -> Result<u64, ConfigError> {
    // Written so that NaN fails it.
    if !(0.0..=MOST).contains(&tokens) {
        return Err(ConfigError::new(
            field,
            format!("must be from 0 to {MOST} tokens, got {tokens}"),
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    let micro = (tokens * 1e6).round() as u64;
    if micro == 0 && tokens > 0.0 {
        return Err(ConfigError::new(
            field,
            format!("must be 0 or at least a millionth of a token, got {tokens}"),
        ));
    }
    Ok(micro)
}

/// Tokens for a person to read.
#[expect(clippy::cast_precision_loss, reason = "for display")]
pub(crate) fn to_f64(micro: u64) -> f64 {
    micro as f64 / 1e6
}
