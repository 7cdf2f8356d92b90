//! AWS event streams (`application/vnd.amazon.eventstream`), as Bedrock streams: binary frames of
//! total length, headers' length, a checksum, headers, payload, a checksum. Exceptions are frames
//! too, inside a 200.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::event::{Event, Kind};

/// Lengths (two times four bytes) and the checksum of the two.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// A frame larger than this is not looked into: it is output.
const MOST: usize = 64 * 1024;
/// The format's own limit is 16 MiB and a little.
const LIMIT: usize = 25 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Frames {
    frame: Vec<u8>,
    /// Bytes of an uninteresting frame that are still to come.
    skip: usize,
    broken: bool,
}

impl Frames {
    pub(super) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        while !bytes.is_empty() && !self.broken {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                bytes = &bytes[skipped..];
                self.skip -= skipped;
                continue;
            }
            if self.frame.len() < PRELUDE {
                bytes = self.take(bytes, PRELUDE);
                if self.frame.len() < PRELUDE {
                    return;
                }
            }
            let total = word(&self.frame, 0).unwrap_or_default();
            if !(PRELUDE + CHECKSUM..=LIMIT).contains(&total) {
                // Not frames at all. Whatever it is, the caller gets it.
                self.broken = true;
                sink(Event::of(Kind::Output));
                return;
            }
            if total > MOST {
                self.skip = total - self.frame.len();
                self.frame.clear();
                sink(Event::of(Kind::Output));
                continue;
            }
            bytes = self.take(bytes, total);
            if self.frame.len() == total {
                judge(&self.frame, sink);
                self.frame.clear();
            }
        }
    }

    pub(super) fn is_between_frames(&self) -> bool {
        self.broken || (self.frame.is_empty() && self.skip == 0)
    }

    /// Fills the frame up to `size` and gives the bytes that are left.
    fn take<'b>(&mut self, bytes: &'b [u8], size: usize) -> &'b [u8] {
        let missing = size.saturating_sub(self.frame.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.frame.extend_from_slice(taken);
        rest
    }
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

fn judge(frame: &[u8], sink: &mut impl FnMut(Event<'_>)) {
    let headers_end = PRELUDE + word(frame, 4).unwrap_or_default();
    let body_end = frame.len() - CHECKSUM;
    let (Some(headers), Some(payload)) = (
        frame.get(PRELUDE..headers_end),
        frame.get(headers_end..body_end),
    ) else {
        sink(Event::of(Kind::Output));
        return;
    };
    let mut message = "";
    let mut event = "";
    let mut exception = None;
    for (name, value) in Headers(headers) {
        match name {
            ":message-type" => message = value,
            ":event-type" => event = value,
            ":exception-type" | ":error-code" => exception = Some(value),
            _ => {}
        }
    }
    if (message, event) == ("event", "chunk")
        && let Some(inner) = chunk(payload)
    {
        sink(Event::judge("", &inner));
        return;
    }
    let kind = match (message, event) {
        ("exception" | "error", _) => Kind::Error,
        (_, "messageStart" | "initial-response") => Kind::Quiet,
        (_, "messageStop") => Kind::Terminal,
        _ if exception.is_some() => Kind::Error,
        _ => Kind::Output,
    };
    sink(Event {
        data: payload,
        exception,
        expects_end: event == "messageStart",
        ..Event::of(kind)
    });
}

/// The event of the model itself in a chunk of `InvokeModelWithResponseStream`: base64 in JSON.
fn chunk(payload: &[u8]) -> Option<Vec<u8>> {
    let mut json = serde_json::Deserializer::from_slice(payload);
    let bytes = json.deserialize_map(Chunk).ok()??;
    STANDARD.decode(&*bytes).ok()
}

/// The member `bytes`.
struct Chunk;

impl<'de> Visitor<'de> for Chunk {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chunk")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut bytes = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "bytes" {
                bytes = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(bytes)
    }
}

/// The headers that are strings: a length and a name, a type, a length and a value.
struct Headers<'a>(&'a [u8]);

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        const STRING: u8 = 7;
        loop {
            let (&len, rest) = self.0.split_first()?;
            let (name, rest) = rest.split_at_checked(usize::from(len))?;
            let (&kind, rest) = rest.split_first()?;
            let size = match kind {
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                5 | 8 => 8,
                9 => 16,
                6 | STRING => 2 + usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])),
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(size)?;
            self.0 = rest;
            if kind == STRING {
                let name = std::str::from_utf8(name).ok()?;
                let value = std::str::from_utf8(value.get(2..)?).ok()?;
                return Some((name, value));
            }
        }
    }
}
