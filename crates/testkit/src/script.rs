use std::fmt;
use std::sync::Arc;

use crate::{Answer, Call};

/// The answers of a provider, one per request in the order of arrival, and what comes after the last.
///
/// ```
/// use tower_steady_testkit::{Answer, Script};
///
/// // Twice overloaded, then well again.
/// let script = Script::new([Answer::overloaded(), Answer::overloaded()])
///     .then(Answer::ok_chat("Hello"));
/// // A list alone repeats its last answer.
/// let down = Script::from(Answer::unavailable());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Script {
    answers: Vec<Answer>,
    rest: Rest,
}

/// What follows the last answer.
#[derive(Clone, Debug)]
enum Rest {
    RepeatLast,
    Again,
    Answer(Box<Answer>),
    Function(Function),
}

/// A user's function from the call to its answer.
#[derive(Clone)]
struct Function(Arc<dyn Fn(&Call) -> Answer + Send + Sync>);

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fn(&Call) -> Answer")
    }
}

impl Script {
    /// These answers in turn; the last is repeated. With none at all every request gets an empty 200.
    pub fn new<A: Into<Answer>>(answers: impl IntoIterator<Item = A>) -> Self {
        Self {
            answers: answers.into_iter().map(Into::into).collect(),
            rest: Rest::RepeatLast,
        }
    }

    /// Asks a function, which sees the request with its body and the number of the call. It is never
    /// asked about a body that has not been read, so [`Answer::after_reading`] comes too late here.
    pub fn by(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            answers: Vec::new(),
            rest: Rest::Function(Function(Arc::new(answer))),
        }
    }

    /// Adds an answer `times` times.
    pub fn times(mut self, times: usize, answer: impl Into<Answer>) -> Self {
        let answer = answer.into();
        self.answers.extend(std::iter::repeat_n(answer, times));
        self
    }

    /// This answer to everything after the list. The last of `then` and [`again`](Self::again) counts.
    pub fn then(mut self, answer: impl Into<Answer>) -> Self {
        self.rest = Rest::Answer(Box::new(answer.into()));
        self
    }

    /// The list from its start again after its end. The last of [`then`](Self::then) and `again` counts.
    pub fn again(mut self) -> Self {
        self.rest = Rest::Again;
        self
    }

    /// Whether the answer to the request with this index, counted from 0, depends on its body.
    pub(crate) fn needs_body(&self, index: usize) -> bool {
        index >= self.answers.len() && matches!(self.rest, Rest::Function(_))
    }

    /// The answer to the request with this index, counted from 0.
    pub(crate) fn answer(&self, index: usize, call: &Call) -> Answer {
        if let Some(answer) = self.answers.get(index) {
            return answer.clone();
        }
        match &self.rest {
            Rest::Answer(answer) => (**answer).clone(),
            Rest::Function(Function(answer)) => answer(call),
            Rest::Again if !self.answers.is_empty() => {
                self.answers[index % self.answers.len()].clone()
            }
            Rest::Again | Rest::RepeatLast => self
                .answers
                .last()
                .cloned()
                .unwrap_or_else(|| Answer::new(200)),
        }
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::new([answer])
    }
}

impl From<crate::Sse> for Script {
    fn from(sse: crate::Sse) -> Self {
        Self::new([sse])
    }
}

impl<A: Into<Answer>, const N: usize> From<[A; N]> for Script {
    fn from(answers: [A; N]) -> Self {
        Self::new(answers)
    }
}

impl<A: Into<Answer>> From<Vec<A>> for Script {
    fn from(answers: Vec<A>) -> Self {
        Self::new(answers)
    }
}
