//! Reading the envelope: the JSON of an error, mended where servers break it, and opened where it holds
//! another answer.

use std::mem;

use serde::de::DeserializeSeed;

use super::Found;
use super::few::Few;
use super::node::Node;
use super::wrapped::{answer_in, json_of_python};

/// How often JSON inside a string is opened: gateways in front of gateways.
const MAX_NESTED: u8 = 3;

/// Reads one JSON value. Nothing is found in what is not JSON.
pub(super) fn read<'a>(json: &'a [u8], found: &mut Found<'a>) {
    if walk_as_it_is(json, found) || walk_mended(json, found) {
        open(found, 0);
    }
}

/// Opens the messages that hold a whole answer of somebody further back. Only after their own envelope
/// has proved readable, so that no text is walked more than thrice a level.
fn open(found: &mut Found<'_>, nested: u8) {
    let holds_answer = |text: &str| is_json(text) || answer_in(text).is_some();
    if nested == MAX_NESTED || !found.messages.iter().any(|text| holds_answer(text)) {
        return;
    }
    let mut left = Few::default();
    for text in mem::take(&mut found.messages) {
        let mut inner = Found::default();
        let json = is_json(&text).then(|| text.trim_ascii());
        let answer = json.or_else(|| answer_in(&text));
        if answer.is_some_and(|answer| walk_owned(answer, &mut inner)) {
            open(&mut inner, nested + 1);
            found.absorb(inner, &mut left);
        } else {
            left.push(text);
        }
    }
    found.messages = left;
}

fn is_json(text: &str) -> bool {
    let text = text.trim_ascii();
    text.starts_with(['{', '[']) && text.ends_with(['}', ']'])
}

/// True if it is JSON, or what Python prints, and says something.
fn walk_owned(text: &str, found: &mut Found<'static>) -> bool {
    let mut borrowed = Found::default();
    if walk(text, &mut borrowed) {
        *found = borrowed.into_owned();
    } else if !walk_mended(text.as_bytes(), found) {
        let json = json_of_python(text);
        if walk(&json, &mut borrowed) {
            *found = borrowed.into_owned();
        }
    }
    found.has_words()
}

fn walk_as_it_is<'a>(json: &'a [u8], found: &mut Found<'a>) -> bool {
    // Checked as a whole, which is faster than each string by itself.
    std::str::from_utf8(json).is_ok_and(|json| walk(json, found))
}

/// Some servers write raw newlines inside strings, some cut a character in two, some half of an escaped
/// pair. Outside a string a control character is white space at best, so that a space can stand for
/// every one of them.
fn walk_mended(json: &[u8], found: &mut Found<'_>) -> bool {
    let broken = |byte: &u8| *byte < b' ' || *byte >= 0x80;
    let mut half_pairs = half_pairs(json).peekable();
    if half_pairs.peek().is_none() && !json.iter().any(broken) {
        return false;
    }
    let mut bytes = json.to_vec();
    for at in half_pairs {
        bytes[at..at + 4].copy_from_slice(b"fffd");
    }
    let text = String::from_utf8_lossy(&bytes).replace(|c: char| c < ' ', " ");
    let mut mended = Found::default();
    let read = walk(&text, &mut mended);
    if read {
        *found = mended.into_owned();
    }
    read
}

/// Where the digits of escapes of surrogates are. Whole pairs are among them: two unknown characters do
/// as well, for no phrase has any of these.
fn half_pairs(json: &[u8]) -> impl Iterator<Item = usize> {
    let surrogate = |at: &usize| {
        matches!(
            json[*at..],
            [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', c, d, ..]
                if c.is_ascii_hexdigit() && d.is_ascii_hexdigit()
        )
    };
    let escapes = memchr::memmem::find_iter(json, b"\\u").map(|at| at + 2);
    escapes.filter(surrogate)
}

/// False, and nothing found, if it is no JSON.
fn walk<'a>(json: &'a str, found: &mut Found<'a>) -> bool {
    #[cfg(test)]
    tests::WALKED.with(|walked| walked.set(walked.get() + json.len()));
    // An array of answers: the first is the error, the others, if they are there yet, more of the same.
    let json = json.strip_prefix('[').unwrap_or(json);
    // What follows the first value (a second line, a proxy's footer) does not matter.
    let read = Node::top(found).deserialize(&mut serde_json::Deserializer::from_str(json));
    if read.is_err() {
        *found = Found::default();
    }
    read.is_ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Bytes walked on this thread.
        pub(super) static WALKED: Cell<usize> = const { Cell::new(0) };
    }

    /// One level of "JSON in a string" around `inner`.
    fn wrapped(inner: &str, tail: &str) -> String {
        let inner = serde_json::to_string(inner).unwrap();
        format!("{{\"error\":{{\"message\":{inner}}}}}{tail}")
    }

    #[test]
    fn work_is_linear_in_the_worst_bodies_known() {
        const SIZE: usize = 64 * 1024;
        let mut nested = "{\"message\":\"\n\"".to_owned() + &" ".repeat(SIZE / 64) + "}";
        while nested.len() < SIZE / 3 {
            nested = wrapped(&nested, "\u{1}");
        }
        let brackets = "[".repeat(SIZE);
        let objects = "{\"error\":".repeat(SIZE / 9);
        let many = format!(
            "{{\"errors\":[{}1]}}",
            "{\"message\":\"{ }\"},".repeat(SIZE / 20)
        );
        let newlines = format!("{{\"message\":\"{}\"", "\n".repeat(SIZE));
        let jsons = format!("{{\"message\":{}}}", serde_json::to_string(&many).unwrap());
        let halves = format!("{{\"message\":\"{}", "\\ud83d".repeat(SIZE / 6));
        for body in [halves, nested, brackets, objects, many, newlines, jsons] {
            WALKED.set(0);
            read(body.as_bytes(), &mut Found::default());
            let walked = WALKED.get();
            let most = 3 * (usize::from(MAX_NESTED) + 1) * body.len();
            assert!(walked <= most, "{walked} bytes walked of {}", body.len());
        }
    }

    #[test]
    fn nesting_is_opened_three_times_and_no_deeper() {
        let mut body = "{\"error\":{\"code\":\"insufficient_quota\"}}".to_owned();
        for depth in 0..6 {
            let mut found = Found::default();
            read(body.as_bytes(), &mut found);
            assert_eq!(
                found.ids.len(),
                usize::from(depth <= usize::from(MAX_NESTED)),
                "depth {depth}"
            );
            body = wrapped(&body, "");
        }
    }
}
