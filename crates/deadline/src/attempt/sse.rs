//! Telling output from keep-alives in the bytes of an event stream.

use memchr::memchr2;

/// Names of events that say nothing but "still here". Anthropic sends `ping`.
const KEEP_ALIVES: [&[u8]; 4] = [b"ping", b"keepalive", b"keep-alive", b"heartbeat"];

/// Reads an event stream ([WHATWG HTML, 9.2][spec]) in pieces of any size, as far as it must to tell
/// whether a piece carries anything but comments, blank lines, `id` and `retry` fields, and events
/// that are named as keep-alives.
///
/// What it does not understand is output: a timer must not cut off what it cannot read.
///
/// [spec]: https://html.spec.whatwg.org/multipage/server-sent-events.html
#[derive(Clone, Debug)]
pub(crate) struct KeepAlives {
    line: Line,
    /// Whether the lines up to the next blank one belong to a keep-alive.
    in_keep_alive: bool,
    /// Whether the last byte was a CR, of which an LF is a part.
    after_cr: bool,
}

/// The line that is being read.
#[derive(Clone, Debug)]
enum Line {
    /// Nothing of it yet.
    Start,
    /// A line that starts like an `event` field, as far as it goes.
    Event { text: [u8; LONGEST], len: usize },
    /// The rest does not matter.
    Rest,
}

/// Enough for the longest of `KEEP_ALIVES`, its field name and a space.
const LONGEST: usize = 24;

impl KeepAlives {
    pub(crate) const fn new() -> Self {
        Self {
            line: Line::Start,
            in_keep_alive: false,
            after_cr: false,
        }
    }

    /// Whether `piece`, the next one of the stream, carries output.
    pub(crate) fn has_output(&mut self, piece: &[u8]) -> bool {
        let mut output = false;
        let mut rest = piece;
        while !rest.is_empty() {
            if self.after_cr && rest[0] == b'\n' {
                rest = &rest[1..];
                self.after_cr = false;
                continue;
            }
            let end = memchr2(b'\n', b'\r', rest);
            let text = &rest[..end.unwrap_or(rest.len())];
            output |= self.text(text);
            let Some(end) = end else {
                self.after_cr = false;
                break;
            };
            output |= self.end_line();
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
        output
    }

    /// More of the current line, without its end.
    fn text(&mut self, more: &[u8]) -> bool {
        let Some(first) = more.first() else {
            return false;
        };
        match &mut self.line {
            Line::Start => match first {
                b':' | b'i' | b'r' => {
                    self.line = Line::Rest;
                    false
                }
                b'e' => {
                    self.line = Line::Event {
                        text: [0; LONGEST],
                        len: 0,
                    };
                    self.text(more)
                }
                _ => {
                    self.line = Line::Rest;
                    !self.in_keep_alive
                }
            },
            Line::Event { text, len } => {
                let Some(free) = text.get_mut(*len..*len + more.len()) else {
                    // Too long for a keep-alive.
                    self.line = Line::Rest;
                    return true;
                };
                free.copy_from_slice(more);
                *len += more.len();
                false
            }
            Line::Rest => false,
        }
    }

    /// The end of the current line. An `event` field is judged only now.
    fn end_line(&mut self) -> bool {
        match std::mem::replace(&mut self.line, Line::Start) {
            Line::Start => {
                self.in_keep_alive = false;
                false
            }
            Line::Event { text, len } => {
                let name = text[..len]
                    .strip_prefix(b"event:")
                    .map(|name| name.strip_prefix(b" ").unwrap_or(name));
                self.in_keep_alive = name.is_some_and(|name| KEEP_ALIVES.contains(&name));
                !self.in_keep_alive
            }
            Line::Rest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (stream, whether it carries output)
    const STREAMS: [(&str, bool); 22] = [
        ("", false),
        ("\n\n\r\n\r", false),
        (": keep-alive\n\n", false),
        (":\n:\n\n", false),
        (": data: not output\n\n", false),
        (
            ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
            false,
        ),
        ("event: ping\ndata: {\"type\": \"ping\"}\n\n", false),
        ("event:ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n", false),
        ("event: ping\rdata: {}\r\r: more\r", false),
        ("event: keepalive\ndata: {}\n\nevent: heartbeat\n\n", false),
        ("id: 7\nretry: 3000\n\n", false),
        ("data: x\n\n", true),
        ("data: x", true),
        ("d", true),
        (": ping\n\ndata: x\n\n", true),
        ("event: ping\ndata: {}\n\ndata: x\n\n", true),
        ("event: ping\r\n\r\ndata: x\r\n", true),
        ("event: pingpong\ndata: x\n\n", true),
        ("event: message_start\n", true),
        ("event: response.reasoning_summary_text.delta", true),
        ("{\"error\": \"not an event stream\"}", true),
        ("\u{feff}data: x\n\n", true),
    ];

    #[test]
    fn comments_and_pings_are_not_output() {
        for (stream, expected) in STREAMS {
            let output = KeepAlives::new().has_output(stream.as_bytes());
            assert_eq!(output, expected, "{stream:?}");
        }
    }

    #[test]
    fn it_makes_no_difference_how_the_stream_is_cut() {
        for (stream, expected) in STREAMS {
            for size in 1..=stream.len().max(1) {
                let mut reader = KeepAlives::new();
                let mut output = false;
                for piece in stream.as_bytes().chunks(size) {
                    output |= reader.has_output(piece);
                }
                assert_eq!(output, expected, "{stream:?} by {size}");
            }
        }
    }
}
