//! The upstream's answer inside a sentence, as SDKs and gateways that print an exception put it there:
//! `Error code: 429 - {'error': {...}}`, `litellm.RateLimitError: OpenAIException - {"error": ...}`,
//! `429 {"error": ...}`.

use http::StatusCode;

use super::echo::echo_in;

/// The longest text before such an answer.
const LONGEST: usize = 256;

/// The answer in `text`, as JSON or as Python prints it, and what follows it.
///
/// Only behind the name of an exception and a dash, or as Databricks puts it behind nothing but its own
/// code, or the SDKs for JavaScript behind nothing but the status: a prompt that is echoed may hold an
/// answer too, and servers put it behind other words or into quotes.
pub(super) fn answer_in(text: &str) -> Option<&str> {
    let at = memchr::memchr(b'{', &text.as_bytes()[..text.len().min(LONGEST)])?;
    // Gemini's answers to a stream are arrays.
    let start = text[..at]
        .trim_ascii_end()
        .strip_suffix('[')
        .map_or(at, str::len);
    let (before, answer) = text.split_at(start);
    if before.strip_suffix(": ").is_some_and(is_code) || is_status(before) {
        return Some(answer);
    }
    let before = before.strip_suffix("b'").unwrap_or(before);
    let before = before.strip_suffix(" - ")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" .:_-".contains(&byte);
    let thrown = |word: &str| {
        let word = word.trim_end_matches(':');
        word.ends_with("Exception") || word.ends_with("Error")
    };
    let is_thrown = before.starts_with("Error code: ") || before.split(' ').any(thrown);
    (before.bytes().all(plain) && is_thrown && echo_in(before).is_none()).then_some(answer)
}

/// `RESOURCE_EXHAUSTED`
fn is_code(word: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    word.contains('_') && word.bytes().all(letter)
}

/// `429`, `API Error: 429`, `HTTP 429:`, `429 Too Many Requests`, `429 RESOURCE_EXHAUSTED.`: a status and
/// what names it, and nothing else.
fn is_status(before: &str) -> bool {
    const LABELS: [&str; 5] = ["api", "code", "error", "http", "status"];
    let mut words = before
        .split_ascii_whitespace()
        .map(|word| word.trim_end_matches([':', '.']));
    let is_label = |word: &str| LABELS.iter().any(|label| label.eq_ignore_ascii_case(word));
    let status = words.find(|word| !is_label(word));
    let status: Option<StatusCode> = status.and_then(|word| word.parse().ok());
    let Some(status) = status.filter(|status| status.as_u16() >= 400) else {
        return false;
    };
    let reason = status.canonical_reason().unwrap_or_default();
    words.all(|word| {
        let of_reason = reason.split(' ').any(|part| part == word);
        word == status.as_str() || is_code(word) || of_reason
    })
}

/// Turns what Python prints of a dictionary into JSON: its quotes, its constants, its escapes.
pub(super) fn json_of_python(text: &str) -> String {
    const CONSTANTS: [(&str, &str); 3] = [("None", "null"), ("True", "true"), ("False", "false")];
    let mut json = String::with_capacity(text.len());
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut len = c.len_utf8();
        match quote {
            None => {
                let constant = CONSTANTS.iter().find(|(name, _)| rest.starts_with(name));
                if let Some((name, value)) = constant {
                    json.push_str(value);
                    len = name.len();
                } else if matches!(c, '\'' | '"') {
                    quote = Some(c);
                    json.push('"');
                } else {
                    json.push(c);
                }
            }
            Some(open) if c == open => {
                quote = None;
                json.push('"');
            }
            Some(_) if c == '\\' => {
                let escaped = rest[len..].chars().next().unwrap_or(c);
                match escaped {
                    '\'' => json.push('\''),
                    'x' => json.push_str("\\u00"),
                    escaped => json.extend([c, escaped]),
                }
                len += escaped.len_utf8();
            }
            Some(_) if c == '"' => json.push_str("\\\""),
            Some(_) => json.push(c),
        }
        // A lone backslash at the end is as long as what it escapes.
        rest = rest.get(len..).unwrap_or_default();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_stands_behind_the_name_of_an_exception() {
        for (text, found) in [
            ("Error code: 429 - {'error': 1}", Some("{'error': 1}")),
            (
                "a.RateLimitError: XException - {\"a\":1} z",
                Some("{\"a\":1} z"),
            ),
            (
                "litellm.BadRequestError: XException - b'{\"a\":1}'",
                Some("{\"a\":1}'"),
            ),
            ("Error code: 429 - [{'error': 1}]", Some("[{'error': 1}]")),
            ("VertexException - b'[{\n1}]'", Some("[{\n1}]'")),
            ("BAD_REQUEST: {\"a\":1}", Some("{\"a\":1}")),
            ("Field BAD_REQUEST: {\"a\":1}", None),
            ("REQUEST: {\"a\":1}", None),
            ("Invalid value - {\"a\":1}", None),
            ("Invalid value: {\"a\":1}", None),
            ("Invalid value: XError - {\"a\":1}", None),
            ("Got 'XError - {\"a\":1}'", None),
            ("XError: {\"a\":1}", None),
            ("429 {\"a\":1}", Some("{\"a\":1}")),
            ("429 429 {\"a\":1}", Some("{\"a\":1}")),
            ("API Error: 529 {\"a\":1}", Some("{\"a\":1}")),
            ("HTTP 500: {\"a\":1}", Some("{\"a\":1}")),
            ("429 Too Many Requests: {\"a\":1}", Some("{\"a\":1}")),
            ("429 RESOURCE_EXHAUSTED. {'a':1}", Some("{'a':1}")),
            ("200 {\"a\":1}", None),
            ("429 prompt {\"a\":1}", None),
            ("Invalid value 429: {\"a\":1}", None),
            ("no answer", None),
        ] {
            assert_eq!(answer_in(text), found, "{text}");
        }
    }

    #[test]
    fn python_becomes_json() {
        for (python, json) in [
            (
                "{'a': None, 'b': [True, False]}",
                r#"{"a": null, "b": [true, false]}"#,
            ),
            (
                r#"{'a': "it's", 'b': 'say "x"'}"#,
                r#"{"a": "it's", "b": "say \"x\""}"#,
            ),
            (r"{'a': 'it\'s\n\xe9'}", r#"{"a": "it's\n\u00e9"}"#),
            ("{'None': 'True'}", r#"{"None": "True"}"#),
            ("{'cut\\", "{\"cut\\\\"),
            ("{'cut", "{\"cut"),
        ] {
            assert_eq!(json_of_python(python), json);
        }
    }
}
