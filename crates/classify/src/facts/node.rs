//! One walk over the JSON of an error, whatever its shape.
//!
//! The walk visits only the members that some provider is known to put an error's words into, and
//! skips the others unread. What a prompt can be echoed in (`input`, `param`, `failed_generation`,
//! …) is among the skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tower_steady_core::hint;

use super::ids::Id;
use super::role::{Role, role_of};
use super::{Found, Wait};

/// A value of that JSON, and where what it says is put.
pub(super) struct Node<'f, 'de> {
    found: &'f mut Found<'de>,
    role: Role,
}

impl<'f, 'de> Node<'f, 'de> {
    pub(super) fn top(found: &'f mut Found<'de>) -> Self {
        let role = Role::Envelope { top: true };
        Self { found, role }
    }

    fn child(&mut self, role: Role) -> Node<'_, 'de> {
        Node {
            found: self.found,
            role,
        }
    }

    fn text(&mut self, text: Cow<'de, str>) {
        if text.trim_ascii().is_empty() {
            return;
        }
        match self.role {
            Role::Error => {
                self.found.is_error = true;
                self.found.messages.push(text);
            }
            Role::Message | Role::Envelope { .. } => self.found.messages.push(text),
            Role::Kind if text == "error" || text == "response.failed" => {
                self.found.is_error = true;
            }
            Role::Id | Role::Kind => match status(&text) {
                Some(code) => self.code(code),
                None => self.found.ids.push(Id::new(text)),
            },
            Role::Upstream => {
                if let Some(code) = status(&text) {
                    self.code(code);
                }
            }
            Role::Quota => self.found.fixed_window |= names_a_day(&text),
            Role::Seconds | Role::Millis | Role::Reset => self.wait(&text),
            Role::BaseCode if text != "0" => {
                self.found.is_error = true;
                // Other providers give the same numbers other meanings.
                self.found
                    .ids
                    .push(Id::new(Cow::Owned(format!("base_resp.{text}"))));
            }
            Role::BaseCode
            | Role::BaseResp
            | Role::Details
            | Role::Response
            | Role::Metadata
            | Role::Headers
            | Role::Violations
            | Role::Retryable => {}
        }
    }

    fn number(&mut self, number: u64) {
        match (self.role, u16::try_from(number)) {
            (Role::Id | Role::Upstream, Ok(code @ 400..600)) => self.code(code),
            _ => self.numeral(&number),
        }
    }

    fn numeral(&mut self, number: &dyn fmt::Display) {
        match self.role {
            Role::Id
            | Role::Upstream
            | Role::BaseCode
            | Role::Seconds
            | Role::Millis
            | Role::Reset => {
                self.text(Cow::Owned(number.to_string()));
            }
            _ => {}
        }
    }

    fn code(&mut self, code: u16) {
        let place = match self.role {
            Role::Upstream => &mut self.found.upstream,
            _ => &mut self.found.code,
        };
        place.get_or_insert(code);
    }

    fn wait(&mut self, text: &str) {
        let text = text.as_bytes();
        let wait = match self.role {
            Role::Seconds => hint::go_duration(text)
                .or_else(|| hint::seconds(text))
                .map(Wait::For),
            Role::Millis => hint::millis(text).map(Wait::For),
            _ => hint::seconds(text).map(|_| Wait::reset(text)),
        };
        // The first one counts: the outermost is what the answering server says itself.
        self.found.wait = self.found.wait.take().or(wait);
    }
}

/// A number of three digits that is an error's status.
fn status(text: &str) -> Option<u16> {
    let code = match text.as_bytes() {
        [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] => text.parse().ok()?,
        _ => return None,
    };
    Some(code)
}

/// Whether a quota's name (`GenerateRequestsPerDayPerProjectPerModel-FreeTier`) is of a window that
/// does not refill within minutes.
fn names_a_day(quota: &str) -> bool {
    ["PerDay", "Daily", "PerMonth", "Monthly", "per_day"]
        .iter()
        .any(|window| quota.contains(window))
}

impl<'de> DeserializeSeed<'de> for Node<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(mut self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(mut self, number: u64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }

    fn visit_i64<E>(mut self, number: i64) -> Result<(), E> {
        self.numeral(&number);
        Ok(())
    }

    fn visit_f64<E>(mut self, number: f64) -> Result<(), E> {
        self.numeral(&number);
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        if self.role == Role::Retryable {
            self.found.retryable = Some(flag);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        match self.role {
            Role::Message => {
                let role = Role::Envelope { top: false };
                while seq.next_element_seed(self.child(role))?.is_some() {}
            }
            role @ (Role::Error | Role::Details | Role::Violations) => {
                while seq.next_element_seed(self.child(role))?.is_some() {}
            }
            _ => {}
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let parent = self.role;
        while let Some(role) = map.next_key_seed(Key(parent))? {
            self.found.is_error |= parent == Role::Error;
            match role {
                Some(role) => map.next_value_seed(self.child(role))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Turns a key into its value's role without keeping the key.
struct Key(Role);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Role>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Role>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(role_of(self.0, key))
    }
}
