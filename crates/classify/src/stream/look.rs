//! A look at the top level of an answer or an event, and for chat chunks at `delta`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::event::{Kind, by_type};

/// The scalars, which mean nothing here.
macro_rules! visit_scalars {
    () => {
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }

        visit_scalars!(but_strings);
    };
    (but_strings) => {
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }

        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }

        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }

        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }

        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

/// The top level of a JSON answer or event, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// `error` is there and says something.
    pub(super) error: bool,
    /// The JSON was cut in the middle of it.
    cut_in_error: bool,
    pub(super) kind: Option<Kind>,
    /// Chat chunks without content, and nothing else.
    pub(super) quiet: bool,
    pub(super) output: bool,
    pub(super) done: bool,
    pub(super) expects_end: bool,
    pub(super) finished: bool,
    /// Something that has been asked after, not an answer.
    pub(super) record: bool,
    /// A member that only an answer has.
    pub(crate) answer: bool,
}

impl Look {
    pub(crate) fn is_error(&self) -> bool {
        (self.error && !self.record) || self.kind == Some(Kind::Error)
    }

    /// The same of a start of the JSON that is long, if `cut`: an `error` in which it ends says something.
    pub(crate) fn is_error_in(&self, cut: bool) -> bool {
        self.is_error() || (cut && self.cut_in_error && !self.record)
    }
}

/// Looks at the top level of `json`, which may be cut: what stands before the cut counts. Of an array
/// the first element is looked at.
pub(crate) fn top_level(json: &[u8]) -> Look {
    let mut look = Look::default();
    let mut json = serde_json::Deserializer::from_slice(json);
    // Cut or broken: what was seen until then stays seen.
    let _ = Top(&mut look).deserialize(&mut json);
    look
}

struct Top<'l>(&'l mut Look);

macro_rules! any {
    ($seed:ident) => {
        impl<'de> DeserializeSeed<'de> for $seed<'_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
                json.deserialize_any(self)
            }
        }
    };
}

any!(Top);
any!(Choices);
any!(Says);
any!(Of);
any!(Type);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        seq.next_element_seed(Top(self.0))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let look = self.0;
        while let Some(key) = map.next_key_seed(Key)? {
            match key {
                Member::Error => {
                    look.cut_in_error = true;
                    map.next_value_seed(Says(&mut look.error))?;
                    look.cut_in_error = false;
                }
                // MiniMax's, an error where its code is not zero.
                Member::BaseResp => map.next_value_seed(Of("status_code", &mut look.error))?,
                Member::Type => map.next_value_seed(Type(look))?,
                Member::Choices => {
                    look.quiet = true;
                    look.answer = true;
                    map.next_value_seed(Choices(look))?;
                }
                Member::Done => {
                    look.expects_end = true;
                    look.answer = true;
                    map.next_value_seed(Says(&mut look.done))?;
                }
                Member::Text => map.next_value_seed(Says(&mut look.finished))?,
                // Cohere's `message-end` has an error in it.
                Member::Delta => {
                    look.answer = true;
                    look.output = true;
                    map.next_value_seed(Of("error", &mut look.error))?;
                }
                // Gemini's streams have no terminal event, but a reason why they are finished.
                Member::Candidates => {
                    look.answer = true;
                    look.output = true;
                    look.expects_end = true;
                    map.next_value_seed(Of("finishReason", &mut look.finished))?;
                }
                Member::Answer => {
                    look.answer = true;
                    look.output = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Member::Usage => {
                    look.answer = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Member::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    visit_scalars!();
}

/// `choices`: what they hold, and whether they are finished.
struct Choices<'l>(&'l mut Look);

impl<'de> Visitor<'de> for Choices<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Choices(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let look = self.0;
        while let Some(key) = map.next_key_seed(ChoiceKey)? {
            match key {
                ChoiceMember::Finish => map.next_value_seed(Says(&mut look.finished))?,
                ChoiceMember::Delta => map.next_value_seed(Choices(look))?,
                ChoiceMember::Content => map.next_value_seed(Says(&mut look.output))?,
                ChoiceMember::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    visit_scalars!();
}

enum ChoiceMember {
    Finish,
    Delta,
    Content,
    Other,
}

struct ChoiceKey;

impl<'de> DeserializeSeed<'de> for ChoiceKey {
    type Value = ChoiceMember;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<ChoiceMember, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for ChoiceKey {
    type Value = ChoiceMember;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<ChoiceMember, E> {
        Ok(match key {
            "finish_reason" => ChoiceMember::Finish,
            "delta" | "message" => ChoiceMember::Delta,
            "index"
            | "role"
            | "logprobs"
            | "native_finish_reason"
            | "stop_reason"
            | "id"
            | "content_filter_results"
            | "content_filter_offsets" => ChoiceMember::Other,
            // `content`, `text`, `tool_calls`, `reasoning`, and what will be invented.
            _ => ChoiceMember::Content,
        })
    }
}

/// Whether a value says anything: not null, false, zero, or empty.
struct Says<'l>(&'l mut bool);

impl<'de> Visitor<'de> for Says<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        *self.0 |= value;
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        *self.0 |= value != 0;
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        *self.0 |= value != 0;
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        *self.0 |= value != 0.0;
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        *self.0 |= !value.is_empty();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {
            *self.0 = true;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // An object whose members are all null is as good as null: OpenAI's jobs carry one.
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Says(self.0))?;
        }
        Ok(())
    }
}

/// Whether the member of this name says anything, in an object or in one of an array's.
struct Of<'l>(&'static str, &'l mut bool);

impl<'de> Visitor<'de> for Of<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self(name, says) = self;
        while seq.next_element_seed(Of(name, says))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(name, says) = self;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == name {
                map.next_value_seed(Says(says))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    visit_scalars!();
}

/// `type`, `object` or `event_type` at the top.
struct Type<'l>(&'l mut Look);

impl<'de> Visitor<'de> for Type<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type")
    }

    fn visit_str<E>(self, kind: &str) -> Result<(), E> {
        let look = self.0;
        look.kind = look.kind.or_else(|| by_type(kind));
        // The state of a job or a file, which may well be an error's; the call itself went well.
        look.record |= kind.split('.').any(is_record);
        look.expects_end |= kind == "chat.completion.chunk"
            || kind == "message_start"
            || kind == "message-start"
            || kind == "stream-start"
            || kind.starts_with("response.");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    visit_scalars!(but_strings);
}

/// `fine_tuning.job`, `message_batch`, `thread.run`, but no `runtime_error`.
fn is_record(word: &str) -> bool {
    let names = ["job", "batch", "file", "run", "eval", "vector_store"];
    names.iter().any(|name| {
        word.strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// The members at the top that tell something.
enum Member {
    Error,
    BaseResp,
    Type,
    Choices,
    Done,
    Text,
    Delta,
    Candidates,
    Answer,
    /// An answer's, but null in chunks that hold nothing yet.
    Usage,
    Other,
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Member, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Member, E> {
        Ok(match key {
            "error" => Member::Error,
            "base_resp" => Member::BaseResp,
            "type" | "object" | "event_type" => Member::Type,
            "choices" => Member::Choices,
            "done" => Member::Done,
            "generated_text" => Member::Text,
            "delta" => Member::Delta,
            "candidates" => Member::Candidates,
            "content" | "output" | "data" | "embedding" | "embeddings" | "results"
            | "generations" | "token" | "output_text" => Member::Answer,
            "usage" => Member::Usage,
            _ => Member::Other,
        })
    }
}
