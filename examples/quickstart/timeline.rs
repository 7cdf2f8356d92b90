//! A call as lines to read, from the notes that the stack leaves on its answer.

use std::time::Duration;

use tower_steady::{Outcome, Report};

use crate::client::Answer;
use crate::scenarios::Expected;

/// How many requests were sent for a call. A success at the first try leaves no report.
pub(crate) fn sends(answer: &Answer) -> usize {
    match (Report::of(answer), answer) {
        (Some(report), _) => report.sends(),
        (None, Ok(_)) => 1,
        (None, Err(_)) => 0,
    }
}

/// What the caller got.
pub(crate) fn end(answer: &Answer) -> Expected {
    match answer {
        Ok(response) => Expected::Status(response.status()),
        Err(_) => Expected::Error,
    }
}

/// Prints a call, one line an attempt: class, status, wait and why, verdict.
pub(crate) fn print(number: usize, after: Option<Duration>, answer: &Answer, took: Duration) {
    match after {
        Some(after) => println!("   call {number}, {} later", seconds(after)),
        None => println!("   call {number}"),
    }
    let outcome = Outcome::read(answer);
    let verdict = match (&outcome.veto, end(answer)) {
        (Some(veto), _) => format!("given up: {veto}"),
        (None, Expected::Status(status)) if status.is_success() => "answered".to_owned(),
        _ => "final: not worth another try".to_owned(),
    };
    let Some(report) = Report::of(answer) else {
        let status = answer
            .as_ref()
            .map_or(0, |response| response.status().as_u16());
        line(took, 1, Some(status), outcome.class.as_str(), &verdict);
        return;
    };
    let mut at = Duration::ZERO;
    for (index, attempt) in report.attempts.iter().enumerate() {
        at += attempt.slept + attempt.elapsed;
        let verdict = report.attempts.get(index + 1).map_or_else(
            || verdict.clone(),
            |next| {
                let why = attempt.wait.map_or_else(
                    || "backoff with jitter".to_owned(),
                    |wait| format!("the server asks for {}, plus jitter", seconds(wait)),
                );
                format!("again in {} ({why})", seconds(next.slept))
            },
        );
        let status = attempt.status.map(|status| status.as_u16());
        line(at, index + 1, status, attempt.class.as_str(), &verdict);
    }
    if report.attempts.is_empty() {
        println!(
            "      {:>8}  nothing sent              {verdict}",
            seconds(took)
        );
    }
}

fn line(at: Duration, attempt: usize, status: Option<u16>, class: &str, verdict: &str) {
    let status = status.map_or_else(|| "---".to_owned(), |status| status.to_string());
    println!(
        "      {:>8}  attempt {attempt}  {status} {class:<16} {verdict}",
        seconds(at)
    );
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
