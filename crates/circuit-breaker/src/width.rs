/// The width of a bucket in nanoseconds, prepared for dividing by it.
///
/// Every call that ends in a window divides the time by it. A compiler that knows the divisor
/// multiplies with its inverse instead; this does the same for one that is known only at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width {
    /// 2^(64 + shift) / width, rounded up.
    inverse: u64,
    shift: u32,
}

impl Width {
    /// A width of 1 counts as 2.
    pub(crate) fn new(nanos: u64) -> Self {
        // The largest shift with which the inverse fits: 2^shift < width <= 2^(shift + 1).
        let width = nanos.max(2);
        let shift = (width - 1).ilog2();
        let inverse = (1_u128 << (64 + shift)).div_ceil(u128::from(width));
        Self {
            inverse: inverse as u64,
            shift,
        }
    }

    /// How often the width fits into `nanos`; exact for all below 2^63, which is 292 years. The inverse is
    /// too large by less than one, so the quotient by less than nanos / 2^(64 + shift): less than
    /// 1 / width, which is what the fraction of a quotient lacks to the next whole number.
    #[inline]
    pub(crate) fn fits_into(self, nanos: u64) -> u64 {
        let product = u128::from(nanos) * u128::from(self.inverse);
        (product >> 64) as u64 >> self.shift
    }
}

#[cfg(all(test, not(steady_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::Width;

    const DAY: u64 = 86_400_000_000_000;

    fn widths() -> impl Strategy<Value = u64> {
        prop_oneof![
            2..DAY,
            // Beside powers of two, where the shift changes.
            (1..46_u32, 0..3_u64).prop_map(|(power, off)| (1_u64 << power) - 1 + off),
            (1..86_400_000_u64).prop_map(|millis| millis * 1_000_000),
        ]
        .prop_filter("a width", |width| *width >= 2)
    }

    proptest! {
        #[test]
        fn fits_as_often_as_a_division_says(width in widths(), nanos in 0..u64::MAX / 2, off in 0..3_u64) {
            let prepared = Width::new(width);
            // At random, and at the edges of buckets, where it would be wrong first.
            let edge = nanos / width * width;
            let largest = u64::MAX / 2;
            for nanos in [nanos, (edge + off).saturating_sub(1), largest - largest % width - 1, largest] {
                prop_assert_eq!(prepared.fits_into(nanos), nanos / width, "{} in {}", width, nanos);
            }
        }
    }
}
