//! Instructions, counted by callgrind through gungraun.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// How many calls callgrind counts.
pub const CALLS: u32 = 4_000;

/// Whether the tools are there that gungraun drives; if not, what is missing.
///
/// # Errors
///
/// The name of the missing tool.
pub fn tools() -> Result<(), &'static str> {
    for tool in ["valgrind", "gungraun-runner"] {
        let found = Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        // The runner refuses to be started by hand, with a status of its own.
        if found.is_err() {
            return Err(tool);
        }
    }
    Ok(())
}

/// Instructions a call over the baseline, in user space, counted in `program`.
#[must_use]
pub fn instructions(program: &Path, index: usize) -> Option<f64> {
    let output = Command::new(program)
        // As cargo says it of a benchmark; without it, gungraun takes this for a test.
        .args(["--bench", "--output-format=json", "--nosummary"])
        .arg(format!("*_{index}"))
        .stdin(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    // One object a line, for the baseline and for the case.
    let counted: Vec<Value> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .ok()?;
    let total = |side: &str| {
        let id = format!("{side}_{index}");
        counted
            .iter()
            .find(|summary| summary["id"] == *id)
            .and_then(instructions_of)
    };
    Some((total("case")? - total("base")?) / f64::from(CALLS))
}

fn instructions_of(summary: &Value) -> Option<f64> {
    summary
        .pointer("/profiles/0/data/total/metrics/Ir/values/new")?
        .as_f64()
}
