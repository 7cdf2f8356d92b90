//! Allocations, counted by an allocator.

use std::path::Path;
use std::process::Command;

/// Allocations a call over the baseline, counted in `program`.
#[must_use]
pub fn allocations(program: &Path, index: usize) -> Option<f64> {
    let output = Command::new(program).arg(index.to_string()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
