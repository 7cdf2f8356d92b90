//! The upstream's answer inside a sentence, as SDKs and gateways that print an exception put it there:
//! `Error code: 429 - {'error': {...}}`, `litellm.RateLimitError: OpenAIException - {"error": ...}`.

use super::echo::echo_in;

/// The longest text before such an answer.
const LONGEST: usize = 256;

/// The answer in `text`, as JSON or as Python prints it, and what follows it.
///
/// Only behind the name of an exception and a dash, or as Databricks puts it behind nothing but its own
/// code: a prompt that is echoed may hold an answer too, and servers put it behind other words or into
/// quotes.
pub(super) fn answer_in(text: &str) -> Option<&str> {
    let at = memchr::memchr(b'{', &text.as_bytes()[..text.len().min(LONGEST)])?;
    // Gemini's answers to a stream are arrays.
    let start = text[..at]
        .trim_ascii_end()
        .strip_suffix('[')
        .map_or(at, str::len);
    let (before, answer) = text.split_at(start);
    let is_code = |word: &str| {
        let letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        word.contains('_') && word.bytes().all(letter)
    };
    if before.strip_suffix(": ").is_some_and(is_code) {
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
