/// A request body that may be able to be sent again.
///
/// Implemented for everything that is `Clone`, which can always be sent again. A body that can run
/// out of replays (`ReplayBody` of `tower-steady-replay-body`, past its limit) implements it itself
/// and answers `None` from then on. A type of your own that must pass through once answers `None`
/// always.
#[diagnostic::on_unimplemented(
    message = "a retry cannot send a body of type `{Self}` again",
    label = "neither `Clone` nor `TryClone`",
    note = "a body in memory is `Clone`; any other body becomes one that can be sent again by `ReplayLayer` of \
            `tower-steady-replay-body` above the retry layer, in a preset by `Steady::with_any_body()`"
)]
pub trait TryClone: Sized {
    /// A body that yields the same bytes from the start, or `None` where that is not possible any
    /// more. Cheap: called once before the first try and once before each later one.
    fn try_clone(&self) -> Option<Self>;
}

// What is missing is seldom `Clone`: the note above says what to do.
#[diagnostic::do_not_recommend]
impl<B: Clone> TryClone for B {
    fn try_clone(&self) -> Option<Self> {
        Some(self.clone())
    }
}
