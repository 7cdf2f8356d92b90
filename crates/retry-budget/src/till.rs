//! What a shard can pay out and take in by itself.

use crate::sync::{AtomicU64, Ordering};

/// Tokens, and empty places for tokens, in one word, so that both change in one step.
///
/// Each has half of the word, which is 4294 tokens. What does not fit is none of a till's business: it
/// says no, and the vault sees to it.
#[derive(Debug)]
pub(crate) struct Till(AtomicU64);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) tokens: u32,
    pub(crate) room: u32,
}

impl Till {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Fills places: all of `amount`, or nothing and false.
    #[inline]
    pub(crate) fn fill(&self, amount: u64) -> bool {
        self.change(|content| content.fill(u32::try_from(amount).ok()?))
            .is_ok()
    }

    /// Empties places: all of `amount`, or nothing and false.
    #[inline]
    pub(crate) fn spend(&self, amount: u64) -> bool {
        self.change(|content| content.spend(u32::try_from(amount).ok()?))
            .is_ok()
    }

    /// Takes in as many of the empty places as it has fewer of; gives how many.
    pub(crate) fn top_up(&self, places: u64) -> u64 {
        let before = self.change(|content| {
            let lacking = content.lacks(places);
            (lacking > 0).then(|| content.with(lacking))
        });
        before.map_or(0, |before| before.lacks(places).into())
    }

    /// Takes all empty places out.
    pub(crate) fn recall(&self) -> u64 {
        let before = self.change(|content| (content.room > 0).then_some(content.without_room()));
        before.map_or(0, |before| before.room.into())
    }

    /// Takes everything out.
    pub(crate) fn empty(&self) -> Content {
        // A look first: most tills are empty, and writing would take the line from its thread.
        if self.0.load(Ordering::Relaxed) == 0 {
            return Content::default();
        }
        Content::of(self.0.swap(0, Ordering::AcqRel))
    }

    pub(crate) fn tokens(&self) -> u64 {
        Content::of(self.0.load(Ordering::Acquire)).tokens.into()
    }

    /// Gives what was there before. Releases, so that whoever sees the new content sees, too, that a
    /// change has begun.
    #[inline]
    fn change(&self, change: impl Fn(Content) -> Option<Content>) -> Result<Content, ()> {
        let change = |word| change(Content::of(word)).map(Content::word);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
            .map(Content::of)
            .map_err(|_| ())
    }
}

impl Content {
    const HALF: u32 = u32::BITS;

    fn of(word: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        let room = word as u32;
        Self {
            tokens: u32::try_from(word >> Self::HALF).unwrap_or(u32::MAX),
            room,
        }
    }

    fn word(self) -> u64 {
        u64::from(self.tokens) << Self::HALF | u64::from(self.room)
    }

    fn fill(self, amount: u32) -> Option<Self> {
        Some(Self {
            room: self.room.checked_sub(amount)?,
            tokens: self.tokens.checked_add(amount)?,
        })
    }

    fn spend(self, amount: u32) -> Option<Self> {
        Some(Self {
            tokens: self.tokens.checked_sub(amount)?,
            room: self.room.checked_add(amount)?,
        })
    }

    /// How much room is missing to `places`, as far as it fits: each place may come to hold a token, or
    /// not, and one half of the word has to count them all.
    fn lacks(self, places: u64) -> u32 {
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        let space = u32::MAX - self.tokens - self.room;
        places.saturating_sub(self.room).min(space)
    }

    fn with(self, room: u32) -> Self {
        Self {
            room: self.room + room,
            ..self
        }
    }

    fn without_room(self) -> Self {
        Self { room: 0, ..self }
    }
}
