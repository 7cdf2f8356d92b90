//! How a case is measured.

mod child;
mod loopback;
mod threads;
mod time;

pub use self::child::{allocations, instructions, valgrind_is_installed};
pub use self::loopback::nanos_a_request;
pub use self::threads::two_over_one;
pub use self::time::overhead_ns;

/// The middle value; of an even number the lower of the two.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}
