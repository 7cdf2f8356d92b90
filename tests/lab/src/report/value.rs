use crate::experiments::{Bound, Metric, Unit};
use crate::run::Row;

/// A value as a person reads it.
pub(super) fn value(value: f64, unit: Unit) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return "never".to_owned();
    }
    match unit {
        Unit::Share if value >= 1.0 => "100 %".to_owned(),
        // Four nines are not to be rounded up to five.
        Unit::Share if value > 0.99 => format!("{} %", (value * 1e5 + 1e-6).floor() / 1e3),
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::Seconds => format!("{} s", number(value)),
        Unit::Number => number(value),
    }
}

fn number(value: f64) -> String {
    let whole = (value - value.round()).abs() < 1e-9;
    match value {
        _ if whole => format!("{value:.0}"),
        ..0.1 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Median and worst, and a mark where a bound is not kept.
pub(super) fn cell(row: &Row) -> String {
    let unit = row.metric.unit;
    let (median, worst) = (value(row.median, unit), value(row.worst, unit));
    let mark = if row.holds == Some(false) { " ✗" } else { "" };
    if median == worst {
        format!("{median}{mark}")
    } else {
        format!("{median} ({worst}){mark}")
    }
}

/// A metric's bound in words, empty if it has none.
pub(super) fn bound(metric: &Metric) -> String {
    match metric.bound {
        None => String::new(),
        Some(Bound::AtMost(limit)) => format!("≤ {}", value(limit, metric.unit)),
        Some(Bound::AtLeast(limit)) => format!("≥ {}", value(limit, metric.unit)),
        Some(Bound::TimesNoRetries(times)) => format!("≤ {} × no retries", number(times)),
    }
}
