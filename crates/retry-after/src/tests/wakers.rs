//! What a waker of somebody else's may do to us.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::pause::book::Book;
use crate::pause::config::Settings;
use crate::pause::line::{Ticket, Turn};
use crate::pause::slot::Slot;

/// A task that owns a call which waits in the same line.
struct Task {
    slot: Arc<Slot<&'static str>>,
    ticket: Ticket,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        self.slot.leave(self.ticket);
    }
}

/// The line may hold the last reference to a task. It must not drop it while it is locked, for that
/// would lock it again.
#[test]
fn a_line_drops_no_waker_while_it_is_locked() {
    let now = Instant::now();
    let never = now + Duration::from_secs(1000);
    let book = Book::new(Settings::default());
    let slot = book.open(&"key", now).unwrap();
    let leave: fn(&Slot<&'static str>, Ticket, Instant) = |slot, ticket, _| slot.leave(ticket);
    let other_waker: fn(&Slot<&'static str>, Ticket, Instant) = |slot, ticket, now| {
        assert!(matches!(
            slot.poll(ticket, now, Waker::noop()),
            Turn::Wait(_)
        ));
        slot.leave(ticket);
    };
    let turn: fn(&Slot<&'static str>, Ticket, Instant) = |slot, ticket, now| {
        let later = now + Duration::from_secs(2);
        assert!(matches!(
            slot.poll(ticket, later, Waker::noop()),
            Turn::Go(_)
        ));
    };
    for end in [leave, other_waker, turn] {
        slot.pause(now, Duration::from_secs(1));
        let first = slot.join(None, never, now).unwrap();
        let owned = slot.join(None, never, now).unwrap();
        let task = Task {
            slot: Arc::clone(&slot),
            ticket: owned,
        };
        let waker = Waker::from(Arc::new(task));
        assert!(matches!(slot.poll(first, now, &waker), Turn::Wait(_)));
        drop(waker);
        end(&slot, first, now);
        slot.look(|line| assert_eq!(line.waiting(), 0));
    }
}
