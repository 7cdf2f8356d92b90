//! Which parts of a message are the server's own words, and which are quoted.

use super::echo::echo_in;

/// How much of a message is read. The longest message known that matters has half of it.
const WINDOW: usize = 4096;

/// No name in quotes is longer.
const LONGEST_NAME: usize = 128;

/// The start of `text`, at most so many bytes of it.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The parts of a message that are the server's own words.
///
/// A quoted name (no white space: `` `gpt-4` ``, `'max_tokens'`) is left where it is, for it cannot
/// hold a phrase of several words. Anything else in quotes is somebody else's text, and because that
/// text may hold quotes itself, it ends at the *last* quote of its kind, or not at all. What is announced
/// as an echo has no end.
pub(super) fn segments(message: &str) -> impl Iterator<Item = &str> {
    let window = cut(message, WINDOW);
    let beyond = &message[window.len()..];
    let mut rest = Some(window);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let (own, after) = match first_quotation(text, beyond) {
            Some((open, close)) => (&text[..open], close.map(|close| &text[close..])),
            None => (text, None),
        };
        let echo = echo_in(own);
        rest = after.filter(|_| echo.is_none());
        Some(echo.map_or(own, |echo| &own[..echo]))
    })
}

/// Where the first quotation that is not a name begins, and where the text after it begins. A quotation
/// may go on into what is not read any more.
fn first_quotation(text: &str, beyond: &str) -> Option<(usize, Option<usize>)> {
    const OPENING: &[u8] = "\u{201c}".as_bytes();
    let bytes = text.as_bytes();
    // Its first byte is rare, and cheaper to look for.
    let curly = memchr::memchr(OPENING[0], bytes)
        .and_then(|at| Some(at + memchr::memmem::find(&bytes[at..], OPENING)?));
    let mut at = 0;
    loop {
        let quote = memchr::memchr3(b'\'', b'"', b'`', &bytes[at..]).map(|quote| at + quote);
        if let Some(curly) = curly.filter(|curly| quote.is_none_or(|quote| *curly < quote)) {
            let close = text[curly..].rfind('\u{201d}');
            let close = close.filter(|_| !beyond.contains('\u{201d}'));
            return Some((curly, close.map(|close| curly + close + OPENING.len())));
        }
        at = quote?;
        let quote = bytes[at];
        if at > 0 && bytes[at - 1].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        if let Some(end) = end_of_name(bytes, at).or_else(|| end_of_label(bytes, at)) {
            at = end;
            continue;
        }
        let closes = |close: &usize| {
            let (before, after) = (bytes[close - 1], bytes.get(close + 1));
            let apostrophe =
                before.is_ascii_alphanumeric() && after.is_some_and(u8::is_ascii_alphanumeric);
            bytes[*close] == quote && before != b'\\' && !apostrophe
        };
        let goes_on = memchr::memchr(quote, beyond.as_bytes()).is_some();
        let close = (at + 1..bytes.len()).rev().find(closes);
        let close = close.filter(|_| !goes_on);
        return Some((at, close.map(|close| close + 1)));
    }
}

/// The end of a quotation without white space. `'it's …` and `''a b''` open a text: a name is over where
/// its quote is.
fn end_of_name(bytes: &[u8], open: usize) -> Option<usize> {
    let quote = bytes[open];
    let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == quote || *byte == b'\\';
    let start = open + 1;
    let len = bytes[start..].iter().take(LONGEST_NAME).position(ends)?;
    let close = start + len;
    let goes_on = |next: &u8| next.is_ascii_alphanumeric() || *next == quote;
    let goes_on = bytes.get(close + 1).is_some_and(goes_on);
    (bytes[close] == quote && len > 0 && !goes_on).then_some(close + 1)
}

/// The end of a limit's name, which Google quotes as it is shown to people: `limit 'Requests per day'`.
fn end_of_label(bytes: &[u8], open: usize) -> Option<usize> {
    let before = &bytes[..open];
    if !before.ends_with(b"quota metric ") && !before.ends_with(b"and limit ") {
        return None;
    }
    let start = open + 1;
    let mut label = bytes[start..].iter().take(LONGEST_NAME);
    let close = label.position(|byte| *byte == bytes[open])?;
    Some(start + close + 1)
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn quotations_are_cut_and_names_stay() {
        for (message, own) in [
            ("no quotes here", &["no quotes here"][..]),
            ("model `gpt-4` isn't here", &["model `gpt-4` isn't here"]),
            ("got 'a b' there", &["got ", " there"]),
            ("got 'it's a' trap' there", &["got ", " there"]),
            (r#"got "say \"hi\" now". Bad"#, &["got ", ". Bad"]),
            ("got 'never closed rate limit", &["got "]),
            ("got 'it isn't closed. rate limit", &["got "]),
            ("got \u{201c}a b\u{201d} there", &["got ", " there"]),
            (
                "quota metric 'A per day' and limit 'B per day' of 'c d'",
                &["quota metric 'A per day' and limit 'B per day' of ", ""],
            ),
            ("a limit 'per day'", &["a limit ", ""]),
            ("", &[""]),
        ] {
            assert_eq!(segments(message).collect::<Vec<_>>(), own, "{message}");
        }
    }

    #[test]
    fn quotation_that_ends_in_what_is_not_read_has_no_text_behind_it() {
        for quote in ["'", "`", "\""] {
            let long = "a prisoners' b` c\" ".repeat(500);
            let message = format!("got {quote}{long}{quote} there");
            assert_eq!(segments(&message).collect::<Vec<_>>(), ["got "], "{quote}");
        }
    }
}
