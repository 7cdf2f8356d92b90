use http::Extensions;
use tower_steady_core::Outcome;

/// Leaves `outcome` on a response.
///
/// Where a layer further in has left a note, only what this crate knows better is written over: a
/// veto, a gate and a wait stay, and so does a word not to repeat. Without them a stack inside this
/// one would be retried against its own word, and a budget inside would not be asked.
pub(crate) fn leave(outcome: Outcome, extensions: &mut Extensions) {
    let Some(note) = extensions.get_mut::<Outcome>() else {
        extensions.insert(outcome);
        return;
    };
    let told_not_to = !note.transient && note.class.is_transient();
    note.class = outcome.class;
    note.transient = outcome.transient && !told_not_to;
    note.sent |= outcome.sent;
    note.whole = outcome.whole;
    note.rule = outcome.rule;
    if let Some(wait) = outcome.wait {
        note.wait_at_least(wait);
    }
    if let Some(veto) = outcome.veto {
        note.forbid(veto);
    }
}
