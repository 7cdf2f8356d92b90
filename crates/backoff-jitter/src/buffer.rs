use std::cell::RefCell;
use std::hint;

/// The size of a new buffer: the head of a common request fits.
const ROOM: usize = 1024;
/// A larger buffer is freed and not kept.
const MOST_ROOM: usize = 8 * 1024;
/// How many a thread keeps: as many calls can be under way on it without an allocation.
const MOST_KEPT: usize = 64;

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes to be written once and read again. Comes from the thread's pool and goes back to the pool of the
/// thread that drops it, overwritten with zeros: it has held credentials.
pub(crate) struct Buffer {
    /// Initialised over its whole length, of which `used` counts.
    bytes: Box<[u8]>,
    used: usize,
}

impl Buffer {
    pub(crate) fn take() -> Self {
        // A thread that is being torn down has no pool any more.
        let pooled = POOL.try_with(|pool| pool.borrow_mut().pop());
        Self {
            bytes: pooled.ok().flatten().unwrap_or_else(|| zeros(ROOM)),
            used: 0,
        }
    }

    /// All the room there is, to be written from the start.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// How much of the room has been written.
    pub(crate) fn set_used(&mut self, used: usize) {
        self.used = used.min(self.bytes.len());
    }

    /// Starts again with room for so many bytes; what was written is lost.
    #[cold]
    pub(crate) fn restart(&mut self, room: usize) {
        wipe(&mut self.bytes);
        self.bytes = zeros(room);
        self.used = 0;
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        wipe(&mut self.bytes[..self.used]);
        if self.bytes.len() > MOST_ROOM {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < MOST_KEPT {
                pool.push(bytes);
            }
        });
    }
}

fn zeros(room: usize) -> Box<[u8]> {
    vec![0; room].into_boxed_slice()
}

/// Overwrites `bytes`, also where nobody reads them any more.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    hint::black_box(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled() -> usize {
        POOL.with(|pool| pool.borrow().len())
    }

    fn write(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.room()[..bytes.len()].copy_from_slice(bytes);
        buffer.set_used(bytes.len());
    }

    #[test]
    fn what_a_buffer_held_is_gone_from_the_next_one() {
        let mut buffer = Buffer::take();
        write(&mut buffer, b"Bearer sk-secret");
        assert_eq!(buffer.as_slice(), b"Bearer sk-secret");
        drop(buffer);
        let again = Buffer::take();
        assert!(again.bytes.iter().all(|byte| *byte == 0));
        assert!(again.as_slice().is_empty());
    }

    #[test]
    fn a_thread_keeps_few_buffers_and_no_large_one() {
        let mut large = Buffer::take();
        large.restart(MOST_ROOM + 1);
        write(&mut large, &[1; MOST_ROOM + 1]);
        let many: Vec<_> = (0..2 * MOST_KEPT).map(|_| Buffer::take()).collect();
        assert_eq!(pooled(), 0);
        drop(large);
        assert_eq!(pooled(), 0);
        drop(many);
        assert_eq!(pooled(), MOST_KEPT);
    }
}
