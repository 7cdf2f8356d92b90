//! Lines, however the chunks cut them, and NDJSON on top of them.

use super::event::Event;

/// More than this of one line is not kept.
const MOST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The start of a line whose end has not come.
    partial: Vec<u8>,
    after_cr: bool,
    started: bool,
}

impl Lines {
    pub(super) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            if self.partial.is_empty() {
                self.line(&bytes[..end], sink);
            } else {
                self.keep(&bytes[..end]);
                let line = std::mem::take(&mut self.partial);
                self.line(&line, sink);
                self.partial = line;
                self.partial.clear();
            }
            let cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if cr {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
        }
        self.keep(bytes);
    }

    /// The end of the body: what stands after the last line end is a line too.
    pub(super) fn end(&mut self, sink: &mut impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.line(&line, sink);
        }
    }

    fn line(&mut self, line: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mark: &[u8] = if self.started { b"" } else { b"\xef\xbb\xbf" };
        self.started = true;
        sink(line.strip_prefix(mark).unwrap_or(line));
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MOST.saturating_sub(self.partial.len());
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// One JSON value a line.
#[derive(Debug, Default)]
pub(crate) struct Ndjson(Lines);

impl Ndjson {
    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        self.0.feed(bytes, &mut |line| event(line, sink));
    }

    /// The end of the body. True if it ends where a line may end.
    pub(super) fn end(&mut self, sink: &mut impl FnMut(Event<'_>)) -> bool {
        self.0.end(&mut |line| event(line, sink));
        true
    }
}

fn event(line: &[u8], sink: &mut impl FnMut(Event<'_>)) {
    if !line.trim_ascii().is_empty() {
        sink(Event::judge("", line));
    }
}
