//! Which refusals are taken for chance.

/// A balance of calls and refusals.
///
/// A loss says "too fast" to TCP, so losses by chance hold it down however much room there is (Mathis et
/// al. 1997): where one call in a hundred is refused by chance, AIMD makes ten calls a second of any
/// number. So one refusal in fifty calls changes no rate, the `LossThresh` of BBR (draft-ietf-ccwg-bbr).
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    /// How many refusals would be taken for chance now.
    allowed: f64,
    /// How many calls went.
    gone: u64,
    /// How many had gone when one was last refused.
    at_refusal: u64,
}

impl Chance {
    /// What a call adds to what is allowed.
    pub(crate) const SHARE: f64 = 0.02;
    /// No more is allowed than this: where one in a hundred is refused by chance, it is used up less than
    /// once in 200,000 calls (simulated with 0 to 300 calls in flight); beyond a limit, at once.
    const MOST: f64 = 16.0;
    /// What is allowed before anything is known, and at a rate that was just lowered: a few refusals by
    /// chance come close together, and must not lower it again and again.
    const FIRST: f64 = 1.0;
    /// At a limit, one of the first calls that go once a refusal is known is refused as well. By chance
    /// that is rare,
    const SOON: u64 = 4;
    /// and so it counts as several.
    const COST_SOON: f64 = 4.0;

    pub(crate) fn new() -> Self {
        Self {
            allowed: Self::FIRST,
            gone: 0,
            at_refusal: 0,
        }
    }

    /// A call goes. Returns its number, from 1.
    pub(crate) fn sent(&mut self) -> u64 {
        self.allow();
        self.gone += 1;
        self.gone
    }

    /// A call that is not numbered here was accepted.
    pub(crate) fn allow(&mut self) {
        self.allowed = (self.allowed + Self::SHARE).min(Self::MOST);
    }

    /// The call with this number was refused. Whether that is to be taken for chance.
    pub(crate) fn takes(&mut self, number: u64) -> bool {
        let cost = match number.checked_sub(self.at_refusal) {
            Some(1..=Self::SOON) => Self::COST_SOON,
            _ => 1.0,
        };
        self.at_refusal = self.gone;
        let left = self.allowed - cost;
        let is_chance = left >= 0.0;
        self.allowed = if is_chance { left } else { Self::FIRST };
        is_chance
    }
}
