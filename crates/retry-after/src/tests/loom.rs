//! Every interleaving of what callers of one key can do to each other.
//!
//! `RUSTFLAGS="--cfg steady_loom" cargo test -p tower-steady-retry-after --release --lib`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use loom::thread;

use crate::pause::book::Book;
use crate::pause::config::Settings;
use crate::pause::line::{Entry, Line, Ticket, Turn};
use crate::pause::slot::Slot;

const SECOND: Duration = Duration::from_secs(1);

type Slots = Slot<&'static str>;

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A waiter that is polled as an executor would: when it comes, when its timer says so, when woken.
struct Waiter {
    slot: Arc<Slots>,
    ticket: Ticket,
    flag: Arc<Flag>,
}

impl Waiter {
    fn come(slot: &Arc<Slots>, now: Instant) -> Self {
        let waiter = Self {
            slot: Arc::clone(slot),
            ticket: slot.join(None, now + SECOND * 1000, now).unwrap(),
            flag: Arc::default(),
        };
        assert!(matches!(waiter.poll(now), Turn::Wait(_)));
        waiter
    }

    fn poll(&self, now: Instant) -> Turn {
        self.flag.0.store(false, Ordering::SeqCst);
        self.slot
            .poll(self.ticket, now, &Waker::from(Arc::clone(&self.flag)))
    }

    fn is_woken(&self) -> bool {
        self.flag.0.load(Ordering::SeqCst)
    }

    fn drop_it(self) {
        self.slot.leave(self.ticket);
    }
}

fn paused(now: Instant) -> (Book<&'static str>, Arc<Slots>) {
    let book = Book::new(Settings::default());
    let slot = book.open(&"key", now).unwrap();
    slot.pause(now, SECOND);
    (book, slot)
}

/// The head is dropped in the moment in which the next one looks whether it is its turn.
#[test]
fn the_next_is_not_lost_when_the_head_is_dropped() {
    loom::model(|| {
        let now = Instant::now();
        let (_book, slot) = paused(now);
        let (head, next) = (Waiter::come(&slot, now), Waiter::come(&slot, now));

        let dropping = thread::spawn(move || head.drop_it());
        let turn = next.poll(now + SECOND * 2);
        dropping.join().unwrap();

        match turn {
            Turn::Go(_) => {}
            _ => {
                assert!(next.is_woken(), "it would sleep until it gives up");
                assert!(matches!(next.poll(now + SECOND * 2), Turn::Go(_)));
            }
        }
    });
}

/// One in the middle is dropped while the head goes: the last one is the head then and knows it.
#[test]
fn the_last_is_not_lost_when_one_before_it_is_dropped_while_another_goes() {
    loom::model(|| {
        let now = Instant::now();
        let (_book, slot) = paused(now);
        let [first, second, third] = [(); 3].map(|()| Waiter::come(&slot, now));

        let going = thread::spawn(move || matches!(first.poll(now + SECOND * 2), Turn::Go(_)));
        let dropping = thread::spawn(move || second.drop_it());
        assert!(going.join().unwrap());
        dropping.join().unwrap();

        assert!(third.is_woken(), "it would sleep until it gives up");
        assert!(matches!(third.poll(now + SECOND * 4), Turn::Go(_)));
    });
}

/// A call whose turn came finds the pause begun again and goes back to its place, while the next one
/// looks whether it is its turn.
#[test]
fn nobody_is_lost_when_a_call_goes_back_to_its_place() {
    loom::model(|| {
        let now = Instant::now();
        let later = now + SECOND * 2;
        let (_book, slot) = paused(now);
        let (head, next) = (Waiter::come(&slot, now), Waiter::come(&slot, now));
        assert!(matches!(head.poll(later), Turn::Go(_)));
        slot.pause(later, SECOND);

        let returning = thread::spawn(move || {
            let again = head
                .slot
                .join(Some(head.ticket), now + SECOND * 1000, later);
            assert_eq!(again, Ok(head.ticket));
            assert!(matches!(head.poll(later), Turn::Wait(_)));
            head.drop_it();
        });
        let turn = next.poll(later);
        returning.join().unwrap();

        assert!(matches!(turn, Turn::Wait(_)));
        // Either it was told of its own time as the head, or it was woken when it became it.
        let knows = turn == Turn::Wait(later + SECOND);
        assert!(knows || next.is_woken(), "it would sleep until it gives up");
        assert!(matches!(next.poll(later + SECOND), Turn::Go(_)));
    });
}

/// Somebody ends the pause by hand while a waiter goes to sleep on it: it goes, or it is woken.
#[test]
fn a_waiter_that_goes_to_sleep_hears_of_the_end_of_the_pause() {
    loom::model(|| {
        let now = Instant::now();
        let (_book, slot) = paused(now);
        let waiter = Waiter {
            slot: Arc::clone(&slot),
            ticket: slot.join(None, now + SECOND * 1000, now).unwrap(),
            flag: Arc::default(),
        };
        let resuming = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || assert!(slot.resume(now)))
        };
        let turn = waiter.poll(now);
        resuming.join().unwrap();
        match turn {
            Turn::Go(_) => {}
            _ => {
                assert!(waiter.is_woken(), "it would sleep for the whole pause");
                assert!(matches!(waiter.poll(now), Turn::Go(_)));
            }
        }
    });
}

/// A pause grows beyond the patience of a waiter that goes to sleep: it gives up at once.
#[test]
fn a_waiter_that_goes_to_sleep_hears_that_its_turn_comes_too_late() {
    loom::model(|| {
        let now = Instant::now();
        let (_book, slot) = paused(now);
        let waiter = Waiter {
            slot: Arc::clone(&slot),
            ticket: slot.join(None, now + SECOND * 2, now).unwrap(),
            flag: Arc::default(),
        };
        let growing = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.pause(now, SECOND * 3))
        };
        let turn = waiter.poll(now);
        growing.join().unwrap();
        let late = Turn::Late(SECOND * 3);
        if turn != late {
            assert!(waiter.is_woken(), "it would sleep until it gives up");
            assert_eq!(waiter.poll(now), late);
        }
    });
}

/// A call that was in flight when the pause began tells of a faster pace while a waiter goes to sleep
/// for its turn at the slow one: it knows of its new turn, or it is woken.
#[test]
fn a_waiter_that_goes_to_sleep_hears_that_the_pace_rose() {
    loom::model(|| {
        let now = Instant::now();
        let later = now + SECOND * 2;
        let (_book, slot) = paused(now);
        let (first, waiter) = (Waiter::come(&slot, now), Waiter::come(&slot, now));
        assert!(matches!(first.poll(later), Turn::Go(_)));

        let landing = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.landed(now + SECOND / 20))
        };
        let turn = waiter.poll(later);
        landing.join().unwrap();

        // One in a tenth of a second, and none was refused.
        let knows = turn == Turn::Wait(later + SECOND / 10);
        assert!(knows || waiter.is_woken(), "it would sleep for too long");
        assert!(matches!(waiter.poll(later + SECOND / 10), Turn::Go(_)));
    });
}

/// The pause is over, one call waits, and two more come: the pace lets one of the three go, and it is
/// the one that waited.
#[test]
fn one_turn_is_given_to_one_call() {
    loom::model(|| {
        let now = Instant::now();
        let (later, patient) = (now + SECOND * 2, now + SECOND * 1000);
        let (_book, slot) = paused(now);
        let waiter = Waiter::come(&slot, now);
        let callers = [(); 2].map(|()| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || matches!(slot.enter(later, patient), Entry::Go(_)))
        });
        let mut went = usize::from(matches!(waiter.poll(later), Turn::Go(_)));
        assert_eq!(went, 1, "nobody passes one who waits");
        for caller in callers {
            went += usize::from(caller.join().unwrap());
        }
        assert_eq!(went, 1);
    });
}

/// A waiter is told to go while a refusal begins the pause anew: whoever was too early finds out at
/// the last look, or the refusal came after it.
#[test]
fn nobody_is_sent_into_a_pause_that_it_could_know_of() {
    loom::model(|| {
        let now = Instant::now();
        let later = now + SECOND * 2;
        let (_book, slot) = paused(now);
        let waiter = Waiter::come(&slot, now);
        let pausing = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.pause(later, SECOND * 5))
        };
        let went = matches!(waiter.poll(later), Turn::Go(_)) && slot.is_open(later);
        pausing.join().unwrap();
        assert!(!slot.is_open(later));
        if !went {
            let again = slot.join(Some(waiter.ticket), now + SECOND * 1000, later);
            assert_eq!(again, Ok(waiter.ticket));
            assert_eq!(waiter.poll(later), Turn::Wait(later + SECOND * 5));
        }
    });
}

/// Two refusals at once: the longer pause stands, and the key counts once.
#[test]
fn pauses_merge_by_max_in_any_order() {
    loom::model(|| {
        let now = Instant::now();
        let book = Arc::new(Book::new(Settings::default()));
        let threads = [3, 1].map(|seconds| {
            let book = Arc::clone(&book);
            thread::spawn(move || {
                let slot = book.open(&"key", now).unwrap();
                slot.pause(now, SECOND * seconds);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let slot = book.find(&"key").unwrap();
        assert_eq!(slot.look(|line| line.left(now)), Some(SECOND * 3));
        assert_eq!(engaged(&book), 1);
    });
}

/// A pause begins while its line would be forgotten for another key: it is never forgotten engaged.
#[test]
fn a_line_that_is_engaged_is_not_forgotten() {
    loom::model(|| {
        let now = Instant::now();
        let settings = Settings {
            max_keys: 1,
            ..Settings::default()
        };
        let book = Arc::new(Book::new(settings));
        drop(book.open(&"key", now));
        let pausing = {
            let book = Arc::clone(&book);
            thread::spawn(move || {
                let slot = book.open(&"key", now);
                slot.map(|slot| slot.pause(now, SECOND)).is_some()
            })
        };
        let other = book.open(&"other", now).is_some();
        let paused = pausing.join().unwrap();
        assert!(paused || other);
        assert_eq!(engaged(&book), usize::from(paused));
        assert_eq!(book.is_engaged(), paused);
    });
}

/// A calm line lets go while a new pause begins: the count follows.
#[test]
fn the_count_of_engaged_lines_follows_them() {
    loom::model(|| {
        let now = Instant::now();
        let (book, slot) = paused(now);
        let later = now + SECOND * 100;
        let pausing = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.pause(later, SECOND))
        };
        slot.tick(later);
        pausing.join().unwrap();
        assert_eq!(engaged(&book), 1);
        assert!(book.is_engaged());
        slot.tick(later + SECOND * 100);
        assert_eq!(engaged(&book), 0);
        assert!(!book.is_engaged());
    });
}

fn engaged(book: &Book<&'static str>) -> usize {
    let lines = book.all();
    lines
        .iter()
        .filter(|slot| slot.look(Line::is_engaged))
        .count()
}
