//! Reading the envelope: one walk over the JSON of an error, whatever its shape.
//!
//! The walk visits only the members that some provider is known to put an error's words into, and
//! skips the others unread. What a prompt can be echoed in (`input`, `param`, `failed_generation`,
//! …) is among the skipped.

use std::borrow::Cow;
use std::fmt;
use std::mem;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tower_steady_core::hint;

use super::few::Few;
use super::ids::Id;
use super::role::{Role, role_of};
use super::wrapped::{answer_in, json_of_python};
use super::{Found, Wait};

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
    let role = Role::Envelope { top: true };
    let node = Node { found, role };
    // What follows the first value (a second line, a proxy's footer) does not matter.
    let read = node.deserialize(&mut serde_json::Deserializer::from_str(json));
    if read.is_err() {
        *found = Found::default();
    }
    read.is_ok()
}

struct Node<'f, 'de> {
    found: &'f mut Found<'de>,
    role: Role,
}

impl<'de> Node<'_, 'de> {
    fn child(&mut self, role: Role) -> Node<'_, 'de> {
        Node {
            found: self.found,
            role,
        }
    }

    fn text(&mut self, text: Cow<'de, str>) {
        if text.trim_ascii().is_empty() {
            return;
        }
        match self.role {
            Role::Error => {
                self.found.is_error = true;
                self.found.messages.push(text);
            }
            Role::Message | Role::Envelope { .. } => self.found.messages.push(text),
            Role::Kind if text == "error" || text == "response.failed" => {
                self.found.is_error = true;
            }
            Role::Id | Role::Kind => match status(&text) {
                Some(code) => self.code(code),
                None => self.found.ids.push(Id::new(text)),
            },
            Role::Upstream => {
                if let Some(code) = status(&text) {
                    self.code(code);
                }
            }
            Role::Quota => self.found.fixed_window |= names_a_day(&text),
            Role::Seconds | Role::Millis | Role::Reset => self.wait(&text),
            Role::BaseCode if text != "0" => {
                self.found.is_error = true;
                // Other providers give the same numbers other meanings.
                self.found
                    .ids
                    .push(Id::new(Cow::Owned(format!("base_resp.{text}"))));
            }
            Role::BaseCode
            | Role::BaseResp
            | Role::Details
            | Role::Response
            | Role::Metadata
            | Role::Headers
            | Role::Violations
            | Role::Retryable => {}
        }
    }

    fn number(&mut self, number: u64) {
        match (self.role, u16::try_from(number)) {
            (Role::Id | Role::Upstream, Ok(code @ 400..600)) => self.code(code),
            _ => self.numeral(&number),
        }
    }

    fn numeral(&mut self, number: &dyn fmt::Display) {
        match self.role {
            Role::Id
            | Role::Upstream
            | Role::BaseCode
            | Role::Seconds
            | Role::Millis
            | Role::Reset => {
                self.text(Cow::Owned(number.to_string()));
            }
            _ => {}
        }
    }

    fn code(&mut self, code: u16) {
        let place = match self.role {
            Role::Upstream => &mut self.found.upstream,
            _ => &mut self.found.code,
        };
        place.get_or_insert(code);
    }

    fn wait(&mut self, text: &str) {
        let text = text.as_bytes();
        let wait = match self.role {
            Role::Seconds => hint::go_duration(text)
                .or_else(|| hint::seconds(text))
                .map(Wait::For),
            Role::Millis => hint::millis(text).map(Wait::For),
            _ => hint::seconds(text).map(|_| Wait::reset(text)),
        };
        // The first one counts: the outermost is what the answering server says itself.
        self.found.wait = self.found.wait.take().or(wait);
    }
}

/// A number of three digits that is an error's status.
fn status(text: &str) -> Option<u16> {
    let code = match text.as_bytes() {
        [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] => text.parse().ok()?,
        _ => return None,
    };
    Some(code)
}

/// Whether a quota's name (`GenerateRequestsPerDayPerProjectPerModel-FreeTier`) is of a window that
/// does not refill within minutes.
fn names_a_day(quota: &str) -> bool {
    ["PerDay", "Daily", "PerMonth", "Monthly", "per_day"]
        .iter()
        .any(|window| quota.contains(window))
}

impl<'de> DeserializeSeed<'de> for Node<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(mut self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(mut self, number: u64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }

    fn visit_i64<E>(mut self, number: i64) -> Result<(), E> {
        self.numeral(&number);
        Ok(())
    }

    fn visit_f64<E>(mut self, number: f64) -> Result<(), E> {
        self.numeral(&number);
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        if self.role == Role::Retryable {
            self.found.retryable = Some(flag);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        match self.role {
            // An array of answers: the first is the error, the others are more of the same.
            Role::Envelope { top: true } => {
                let role = self.role;
                seq.next_element_seed(self.child(role))?;
            }
            Role::Message => {
                let role = Role::Envelope { top: false };
                while seq.next_element_seed(self.child(role))?.is_some() {}
            }
            role @ (Role::Error | Role::Details | Role::Violations) => {
                while seq.next_element_seed(self.child(role))?.is_some() {}
            }
            _ => {}
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let parent = self.role;
        while let Some(role) = map.next_key_seed(Key(parent))? {
            self.found.is_error |= parent == Role::Error;
            match role {
                Some(role) => map.next_value_seed(self.child(role))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Turns a key into its value's role without keeping the key.
struct Key(Role);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Role>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Role>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(role_of(self.0, key))
    }
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
