use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// First come, first served, by a fixed number of slots.
///
/// A request's start and end are known when it arrives, because nothing that comes later can
/// overtake it. Work that was accepted is done even if the client has hung up meanwhile, which is
/// what keeps an overloaded provider overloaded.
#[derive(Clone, Debug)]
pub struct Queue {
    free_at: BinaryHeap<Reverse<Duration>>,
    starts: VecDeque<Duration>,
    room: usize,
}

impl Queue {
    /// `slots` requests are worked on at once and `room` more may wait.
    #[must_use]
    pub fn new(slots: usize, room: usize) -> Self {
        Self {
            free_at: vec![Reverse(Duration::ZERO); slots].into(),
            starts: VecDeque::new(),
            room,
        }
    }

    /// When the work on a request that arrives `now` ends, or `None` if the queue is full.
    /// `work` says how long it takes if it starts at a given time.
    pub fn admit(
        &mut self,
        now: Duration,
        work: impl FnOnce(Duration) -> Duration,
    ) -> Option<Duration> {
        while self.starts.front().is_some_and(|start| *start <= now) {
            self.starts.pop_front();
        }
        if self.starts.len() >= self.room && self.free_at.peek()?.0 > now {
            return None;
        }
        let start = self.free_at.pop()?.0.max(now);
        let end = start + work(start);
        self.free_at.push(Reverse(end));
        if start > now {
            self.starts.push_back(start);
        }
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn requests_wait_their_turn_and_the_last_is_refused() {
        let mut queue = Queue::new(2, 2);
        let ends: Vec<_> = (0..5)
            .map(|_| queue.admit(Duration::ZERO, |_| SECOND))
            .collect();
        let expected = [Some(1), Some(1), Some(2), Some(2), None];
        assert_eq!(ends, expected.map(|end| end.map(Duration::from_secs)));
    }

    #[test]
    fn work_is_timed_by_its_start() {
        let mut queue = Queue::new(1, 9);
        let slow_from_one = |start| if start >= SECOND { 3 * SECOND } else { SECOND };
        assert_eq!(queue.admit(Duration::ZERO, slow_from_one), Some(SECOND));
        assert_eq!(queue.admit(Duration::ZERO, slow_from_one), Some(4 * SECOND));
    }
}
