//! Where a message goes over into somebody else's text without one of the plain quotation marks:
//! `Prompt: …`, `messages[0].content: …`, `input_value=…`, `<<…>>`, the line beneath a parse error, and
//! where somebody says `I`.
//!
//! The end of such an echo cannot be told, so that nothing behind it is the server's own any more.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What a word has to do with an echo.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    /// A text that is shown. Fields of a request are among them: a server that finds fault with one gives
    /// its path and then what it holds.
    Text,
    /// What an error's own words are called too: shown behind some other word (`Unexpected body: …`)
    /// where no error is spoken of (`error message: …`).
    Part,
    /// Shown where no error is spoken of.
    Taken,
    /// Shown where a text is spoken of: `Your prompt was: …`.
    Is,
    /// Who speaks: shown if the clause is nothing else (`for user: …` has a name behind it).
    Role,
    /// Shown if nothing but [`OF_REQUEST`] stands before it: `Invalid request: …` and `Malformed input
    /// request: …` are errors' names.
    Request,
    /// What makes a clause one about an error.
    Error,
}

fn word(text: &str) -> Option<Word> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"column" | b"content" | b"contents" | b"conversation" | b"decode" | b"document"
        | b"documents" | b"failed_generation" | b"input" | b"input_value" | b"inputs"
        | b"instruction" | b"instructions" | b"json" | b"line" | b"messages" | b"output"
        | b"parse" | b"parsing" | b"payload" | b"prompt" | b"prompts" | b"query" | b"question"
        | b"sentence" | b"string" | b"text" | b"texts" | b"tokenize" | b"transcript" | b"value"
        | b"values" => Word::Text,
        b"assistant" | b"human" | b"system" | b"user" => Word::Role,
        b"body" | b"data" | b"message" | b"params" => Word::Part,
        b"contained" | b"contains" | b"found" | b"given" | b"got" | b"provided" | b"received"
        | b"saw" | b"sent" | b"supplied" => Word::Taken,
        b"follows" | b"is" | b"reads" | b"was" => Word::Is,
        b"request" | b"requests" => Word::Request,
        b"cause" | b"code" | b"error" | b"errors" | b"exception" | b"failure" | b"provider"
        | b"reason" | b"response" | b"returned" | b"status" | b"upstream" => Word::Error,
        _ => return None,
    })
}

/// No word above is longer.
const LONGEST: usize = 20;

const OF_REQUEST: [&str; 10] = [
    "failed",
    "full",
    "last",
    "of",
    "offending",
    "original",
    "raw",
    "the",
    "user",
    "your",
];

/// A line about one of these has the text that could not be read beneath it.
const PARSING: [&str; 4] = ["json", "parse", "parsing", "syntax"];

/// Quotation marks that no server is known to put around names.
const MARKS: [&str; 9] = ["«", "»", "‹", "„", "‚", "‘", "「", "『", "＂"];

const ESCAPED_MARKS: [&[u8]; 6] = [
    b"&quot;", b"&#34;", b"&#39;", b"&#x27;", b"&ldquo;", b"&lt;",
];

static MY: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("my "));

/// How much before a separator is looked at.
const CLAUSE: usize = 96;

/// How much may stand between a label and its separator: `messages[0]['text'] = …`.
const INDEX: usize = 8;

/// Where an echo begins in `text`.
pub(super) fn echo_in(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let label = memchr::memchr3_iter(b':', b'=', b'\n', bytes)
        .filter(|at| !bytes[*at..].starts_with(b"://"))
        .find(|at| announces(&text[..*at], bytes[*at], &text[at + 1..]));
    let start = memchr::memchr3_iter(b'<', b'&', b'I', bytes).find(|at| opens(bytes, *at));
    let mark = (!text.is_ascii())
        .then(|| MARKS.iter().filter_map(|mark| text.find(mark)).min())
        .flatten();
    let my = MY.find_iter(bytes).find(|at| is_word(bytes, *at));
    [label, start, mark, my].into_iter().flatten().min()
}

/// `<<`, `<|im_start|>`, `<prompt>`, `&quot;`, `I`: a server says `you` and `your`, at most `we`, and
/// whoever says `I` or `my` is quoted.
fn opens(bytes: &[u8], at: usize) -> bool {
    let text = &bytes[at..];
    match text {
        [b'I', next, ..] => b" '".contains(next) && is_word(bytes, at),
        [b'<', b'<' | b'|', ..] => true,
        [b'<', ..] => {
            let end = text.iter().take(LONGEST).position(|byte| *byte == b'>');
            let tag = end.and_then(|end| std::str::from_utf8(&text[1..end]).ok());
            tag.and_then(word) == Some(Word::Text)
        }
        // Within a word it is an apostrophe.
        [b'&', ..] if is_word(bytes, at) => ESCAPED_MARKS.iter().any(|mark| text.starts_with(mark)),
        _ => false,
    }
}

/// Whether a word begins at `at`, and not a part of a name.
fn is_word(bytes: &[u8], at: usize) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/.'".contains(&byte);
    at.checked_sub(1)
        .is_none_or(|before| !in_name(bytes[before]))
}

/// Whether the end of `before` and the separator behind it announce that `after` is an echo.
fn announces(before: &str, separator: u8, after: &str) -> bool {
    let before = last_of(before, CLAUSE);
    if separator == b'\n' {
        let line = before.rsplit('\n').next().unwrap_or_default();
        if words(line).any(|word| is_in(&PARSING, word)) {
            return true;
        }
    }
    let (clause, label, index) = parts(before);
    let Some(label) = word(label) else {
        return false;
    };
    let clause = last_clause(clause);
    let speaks_of = |kind| words(clause).any(|one| word(one) == Some(kind));
    if index.ends_with(['\'', '"', '`']) {
        // `Invalid 'input': …` says what is wrong with it, `Invalid value for 'input': …` what it holds.
        return label == Word::Text && speaks_of(Word::Text);
    }
    match label {
        Word::Text => {
            let of_error = words(clause).next_back().and_then(word) == Some(Word::Error);
            // `Too many messages: …` goes on with how many.
            let counts = words(clause).any(|word| word.eq_ignore_ascii_case("too"));
            !of_error && !counts && !is_address(after)
        }
        Word::Part => {
            let alone = clause.trim_ascii().is_empty();
            !alone && !speaks_of(Word::Error) || speaks_of(Word::Request)
        }
        Word::Taken => !speaks_of(Word::Error),
        Word::Is => speaks_of(Word::Text) || speaks_of(Word::Request),
        Word::Role => clause.trim_ascii().is_empty(),
        Word::Request => words(clause).all(|word| is_in(&OF_REQUEST, word)),
        Word::Error => false,
    }
}

/// What stands before the last word of `text`, the word, and what stands behind it: `… messages` `[0]`.
fn parts(text: &str) -> (&str, &str, &str) {
    let inside = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let outside = |byte: &u8| byte.is_ascii() && !inside(byte);
    let index = text.bytes().rev().take(INDEX).take_while(outside).count();
    let (text, index) = text.split_at(text.len() - index);
    let word = text.bytes().rev().take_while(inside).count();
    let (before, word) = text.split_at(text.len() - word);
    (before, word, index)
}

fn last_clause(text: &str) -> &str {
    let ends = |byte: &u8| b",;!?:=(\n".contains(byte);
    let start = text
        .bytes()
        .rposition(|byte| ends(&byte))
        .map_or(0, |at| at + 1);
    // A full stop has a space behind it; that of a path has none.
    text[start..].rsplit(". ").next().unwrap_or_default()
}

/// `Invalid prompt: your prompt was flagged`, `input: 5000 tokens`: the server goes on and speaks to its
/// caller.
fn is_address(after: &str) -> bool {
    let mut words = after.split_ascii_whitespace();
    if after
        .trim_ascii_start()
        .starts_with(|c: char| c.is_ascii_digit())
    {
        return words.nth(1).is_some_and(|word| word.starts_with("tokens"));
    }
    let yours = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("your"));
    yours && words.next().and_then(word) == Some(Word::Text)
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

fn is_in(words: &[&str], word: &str) -> bool {
    words.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// The end of `text`, at most so many bytes of it.
fn last_of(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::echo_in;

    /// `|` stands where the echo is.
    #[test]
    fn echo_begins_where_it_is_announced() {
        for message in [
            "Invalid request. Prompt|: rate limit",
            "prompt|: x",
            "The prompt was|: x",
            "Your request was|: x",
            "Bad messages[0].content|: x",
            "messages.0.content.1.text|: x",
            "Could not parse|: x",
            "Unexpected message|: x",
            "Error in your request body|= x",
            "Expected a list but got|: x",
            "1 error [type=list, input_value|={x}]",
            "Request|: x",
            "The original request|: x",
            "Invalid value for 'content'|: x",
            "No answer to the prompt|\nx",
            "Invalid JSON payload received. Unexpected token.|\nx\n^",
            "Bad text |<<x>>",
            "Bad text |<prompt>x</prompt>",
            "Bad text |<|im_start|>user",
            "Got |«x»",
            "Got |&quot;x&quot;",
            "litellm.BadRequestError: Received Messages|=[{}]",
            "Bad turn. user|: x",
            "Unknown argument supplied|: x",
            "Template error at line 3|: x",
            "Unknown role (|my x)",
            "Unknown role [|I x]",
            "Unknown role |I'm x",
        ] {
            let at = message.find('|');
            assert_eq!(echo_in(&message.replacen('|', "", 1)), at, "{message}");
        }
    }

    #[test]
    fn explanations_are_no_echo() {
        for message in [
            "Invalid prompt: your prompt was flagged",
            "Invalid request: Your request exceeded model token limit: 8192",
            "Malformed input request: #: required key [x] not found",
            "Input validation error: `inputs` must have less than 5 tokens",
            "Invalid 'input': maximum input length is 8192 tokens.",
            "The model returned the following errors: prompt is too long: 5 > 4",
            "Too many messages: 5 > 4",
            "too many tokens: total number of tokens in the prompt",
            "Error message: x",
            "Error text: x",
            "Your limit is: 5 per day",
            "Upstream error output: x",
            "Input: 5000 tokens. The maximum context length is 4096",
            "This request: 5000 tokens",
            "Rate limit exceeded for user: x. Try again in 5s",
            "Request failed during generation: x",
            "429, message: x",
            "Upstream response body: x",
            "An error was received: x",
            "reached max request: 3, please try again after 1 seconds",
            "https://x.example/?a=b",
            "Your organization org-x<ak-y> is over its limit: 3",
            "You&#39;ve used all credits",
            "You’ve used all credits",
            "The model my-model, or my_model, of org/my is not in tier I",
            "Phase II is for part (I)",
            "Rate limit exceeded: limit_rpm/x",
            "* Quota exceeded for metric: x, limit: 0\nPlease retry in 5s.",
        ] {
            assert_eq!(echo_in(message), None, "{message}");
        }
    }
}
