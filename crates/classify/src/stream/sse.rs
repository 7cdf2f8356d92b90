//! Server-sent events, as the WHATWG standard (section 9.2) writes them, fed in any pieces.

use super::event::Event;
use super::lines::Lines;
use crate::facts::cut;

/// More than this of one event is not kept: it is output, whatever comes.
const MOST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Sse {
    lines: Lines,
    current: Current,
}

/// The event that is being read.
#[derive(Debug, Default)]
struct Current {
    name: String,
    data: Vec<u8>,
    any: bool,
    /// JSON without `data:` before it: an answer that is no event stream, whatever its type says.
    raw: bool,
}

impl Sse {
    /// Whether a body that begins so is an event stream, whatever its content type says.
    pub(crate) fn begins(head: &[u8]) -> bool {
        [&b"event:"[..], b"data:", b":"]
            .iter()
            .any(|field| head.starts_with(field))
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        let current = &mut self.current;
        self.lines.feed(bytes, &mut |line| current.line(line, sink));
    }

    /// The end of the body. True if it ends where an event may end.
    pub(super) fn end(&mut self, sink: &mut impl FnMut(Event<'_>)) -> bool {
        let current = &mut self.current;
        self.lines.end(&mut |line| current.line(line, sink));
        self.current.dispatch(sink);
        true
    }
}

impl Current {
    fn line(&mut self, line: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        if self.raw {
            self.push(line);
            return;
        }
        if line.is_empty() {
            self.dispatch(sink);
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.push(value),
            b"event" => {
                self.name.clear();
                let name = std::str::from_utf8(value).unwrap_or_default();
                self.name.push_str(cut(name, 64));
            }
            _ if !self.any && matches!(line.trim_ascii_start(), [b'{' | b'[', ..]) => {
                self.raw = true;
                self.push(line);
            }
            _ => {}
        }
    }

    fn push(&mut self, data: &[u8]) {
        if self.any {
            self.data.push(b'\n');
        }
        self.any = true;
        let room = MOST.saturating_sub(self.data.len());
        self.data.extend_from_slice(&data[..data.len().min(room)]);
    }

    fn dispatch(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if self.any || self.name == "error" || self.name == "message_stop" {
            sink(Event::judge(&self.name, &self.data));
        }
        self.name.clear();
        self.data.clear();
        self.any = false;
        self.raw = false;
    }
}
