//! What has been sent once and may have to be sent again.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

/// Chunks below this size are gathered into larger pieces: copying half a kilobyte is cheaper than
/// the handle that would hold it, and a body of one-byte chunks must not cost many times its limit.
const SMALL: usize = 512;

/// Gathered pieces grow up to this size.
const GATHER: usize = 8 * 1024;

/// A body's frames from the first one on, at most `limit` bytes of them.
///
/// Larger chunks are kept by reference count, not copied. A chunk that is a slice keeps the whole
/// allocation that it is cut from.
#[derive(Debug)]
pub(crate) struct Buffer {
    limit: usize,
    used: usize,
    pieces: VecDeque<Piece>,
    small: BytesMut,
}

/// Part of a body.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(Box<HeaderMap>),
}

/// There is no room for this frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Buffer {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            pieces: VecDeque::new(),
            small: BytesMut::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.small.is_empty()
    }

    pub(crate) fn push_data(&mut self, data: &Bytes) -> Result<(), Full> {
        self.take_room(data.len())?;
        if data.len() >= SMALL {
            self.seal();
            self.pieces.push_back(Piece::Data(data.clone()));
        } else {
            if self.small.len() + data.len() > GATHER {
                self.seal();
            }
            self.small.extend_from_slice(data);
        }
        Ok(())
    }

    pub(crate) fn push_trailers(&mut self, trailers: &HeaderMap) -> Result<(), Full> {
        let size = trailers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .fold(0, usize::saturating_add);
        self.take_room(size)?;
        self.seal();
        self.pieces
            .push_back(Piece::Trailers(Box::new(trailers.clone())));
        Ok(())
    }

    /// The piece at `index`; it stays for others. Pieces before `index` no longer change, for
    /// whoever reads at the end is the only one that adds.
    pub(crate) fn get(&mut self, index: usize) -> Option<Piece> {
        if index == self.pieces.len() {
            self.seal();
        }
        self.pieces.get(index).cloned()
    }

    /// Whether there is nothing from `index` on.
    pub(crate) fn ends_at(&self, index: usize) -> bool {
        index >= self.pieces.len() && self.small.is_empty()
    }

    /// The first piece; it is gone then.
    pub(crate) fn pop(&mut self) -> Option<Piece> {
        if self.pieces.is_empty() {
            self.seal();
        }
        self.pieces.pop_front()
    }

    /// Drops the first `count` pieces.
    pub(crate) fn skip(&mut self, count: usize) {
        self.pieces.drain(..count.min(self.pieces.len()));
    }

    fn take_room(&mut self, size: usize) -> Result<(), Full> {
        match self.used.checked_add(size) {
            Some(used) if used <= self.limit => {
                self.used = used;
                Ok(())
            }
            _ => Err(Full),
        }
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            let piece = self.small.split().freeze();
            self.pieces.push_back(Piece::Data(piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffer: &mut Buffer) -> Vec<u8> {
        let mut all = Vec::new();
        for index in 0.. {
            match buffer.get(index) {
                Some(Piece::Data(data)) => all.extend_from_slice(&data),
                Some(Piece::Trailers(_)) => {}
                None => break,
            }
        }
        all
    }

    #[test]
    fn exactly_the_limit_fits_and_one_byte_more_does_not() {
        let mut buffer = Buffer::new(4);
        assert_eq!(buffer.push_data(&Bytes::from_static(b"four")), Ok(()));
        assert_eq!(buffer.push_data(&Bytes::new()), Ok(()));
        assert_eq!(buffer.push_data(&Bytes::from_static(b"5")), Err(Full));
    }

    #[test]
    fn a_body_without_a_limit_cannot_overflow_the_count() {
        let mut buffer = Buffer::new(usize::MAX);
        buffer.used = usize::MAX - 1;
        assert_eq!(buffer.push_data(&Bytes::from_static(b"x")), Ok(()));
        assert_eq!(buffer.push_data(&Bytes::from_static(b"x")), Err(Full));
    }

    #[test]
    fn large_chunks_are_kept_without_a_copy() {
        let chunk = Bytes::from(vec![7; SMALL]);
        let mut buffer = Buffer::new(SMALL);
        buffer.push_data(&chunk).unwrap();
        let Some(Piece::Data(kept)) = buffer.get(0) else {
            panic!("no data");
        };
        assert_eq!(kept.as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn one_byte_chunks_are_gathered() {
        let mut buffer = Buffer::new(100_000);
        for n in 0..100_000_u32 {
            let byte = Bytes::copy_from_slice(&[n as u8]);
            buffer.push_data(&byte).unwrap();
        }
        let expected: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        assert_eq!(read(&mut buffer), expected);
        assert!(buffer.pieces.len() <= 13, "{} pieces", buffer.pieces.len());
    }

    #[test]
    fn empty_chunks_take_no_room_however_many_they_are() {
        let mut buffer = Buffer::new(0);
        for _ in 0..10_000 {
            buffer.push_data(&Bytes::new()).unwrap();
        }
        assert!(buffer.is_empty());
    }

    #[test]
    fn trailers_count_and_keep_their_place() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        let mut buffer = Buffer::new("abgrpc-status0".len());
        buffer.push_data(&Bytes::from_static(b"a")).unwrap();
        buffer.push_trailers(&trailers).unwrap();
        buffer.push_data(&Bytes::from_static(b"b")).unwrap();
        assert_eq!(buffer.push_trailers(&trailers), Err(Full));
        assert!(matches!(buffer.get(0), Some(Piece::Data(data)) if data == "a"));
        assert!(matches!(buffer.get(1), Some(Piece::Trailers(map)) if *map == trailers));
        assert!(matches!(buffer.get(2), Some(Piece::Data(data)) if data == "b"));
        assert!(buffer.ends_at(3));
    }

    #[test]
    fn taking_pieces_out_goes_on_where_reading_them_stopped() {
        let mut buffer = Buffer::new(10_000);
        for n in 0..5_u8 {
            buffer.push_data(&Bytes::from(vec![n; SMALL])).unwrap();
        }
        buffer.push_data(&Bytes::from_static(b"end")).unwrap();
        buffer.get(0);
        buffer.get(1);
        buffer.skip(2);
        let mut firsts = Vec::new();
        while let Some(Piece::Data(data)) = buffer.pop() {
            firsts.push(data[0]);
        }
        assert_eq!(firsts, [2, 3, 4, b'e']);
        assert!(buffer.is_empty());
    }
}
