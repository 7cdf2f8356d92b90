//! What is counted exactly, in a process of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// How many calls callgrind counts, after a warm-up.
const CALLS: u32 = 4_000;

/// Allocations a call over the baseline.
#[must_use]
pub fn allocations(program: &Path, index: usize) -> Option<f64> {
    let side = |side| -> Option<f64> {
        let output = Command::new(program)
            .args([index.to_string().as_str(), side])
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    Some(side("case")? - side("base")?)
}

/// Whether [`instructions`] has what it needs.
#[must_use]
pub fn valgrind_is_installed() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Instructions a call over the baseline, in user space.
#[must_use]
pub fn instructions(program: &Path, index: usize) -> Option<f64> {
    let side = |side| run(program, index, side);
    Some((side("case")? - side("base")?) / f64::from(CALLS))
}

fn run(program: &Path, index: usize, side: &str) -> Option<f64> {
    let out = std::env::temp_dir().join(format!(
        "tower-steady-{}-{index}-{side}.callgrind",
        std::process::id()
    ));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg("--toggle-collect=bench::probe::counted*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args([&index.to_string(), side, &CALLS.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let text = fs::read_to_string(&out);
    let _ = fs::remove_file(&out);
    if !status.success() {
        return None;
    }
    // "summary: 123" or "totals: 123"
    text.ok()?.lines().rev().find_map(|line| {
        let total = line
            .strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))?;
        total.split_whitespace().next()?.parse().ok()
    })
}
