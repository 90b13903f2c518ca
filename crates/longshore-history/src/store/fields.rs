//! How the fields of a store's line are written and read: `key=value`, apart by single spaces;
//! a list follows as items, each behind a `;`.
//!
//! This module owns the spelling of values. It must never know what a field means, and never
//! guess: each field is read by name, in its one place.

use super::line::StoreLineError;
use crate::ids::{AttemptNumber, JobId, QueueId, Token, WorkerId};

/// What a verb is called with or answers: some fields, or a list of items.
pub(super) trait Body: Sized {
    fn write(&self, text: &mut String);
    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreLineError>;
}

impl<B: Body> Body for Vec<B> {
    fn write(&self, text: &mut String) {
        for item in self {
            text.push_str(" ;");
            item.write(text);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreLineError> {
        // Bounded by the line, whose length is.
        let mut items = Self::new();
        while fields.next_item() {
            items.push(B::read(fields)?);
        }
        Ok(items)
    }
}

impl<B: Body> Body for Box<B> {
    fn write(&self, text: &mut String) {
        self.as_ref().write(text);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreLineError> {
        B::read(fields).map(Self::new)
    }
}

/// One value of a field.
pub(super) trait Value: Sized {
    fn write(&self, text: &mut String);
    fn read(token: &str) -> Option<Self>;
}

/// What is left of a line.
pub(super) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn of(rest: &'a str) -> Self {
        Self { rest }
    }

    /// The value of the next field, which must have this name.
    pub(super) fn take<T: Value>(&mut self, name: &'static str) -> Result<T, StoreLineError> {
        let missing = StoreLineError::Field { name };
        let field = self.rest.strip_prefix(name).ok_or(missing)?;
        let field = field.strip_prefix('=').ok_or(missing)?;
        let length = token_length(field).ok_or(missing)?;
        let (token, rest) = field.split_at(length);
        self.rest = rest.strip_prefix(' ').unwrap_or(rest);
        T::read(token).ok_or(missing)
    }

    fn next_item(&mut self) -> bool {
        let Some(rest) = self.rest.strip_prefix(';') else {
            return false;
        };
        self.rest = rest.strip_prefix(' ').unwrap_or(rest);
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// The bytes of the value at the beginning of `text`; none if its quotes do not close.
fn token_length(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return Some(text.find(' ').unwrap_or(text.len()));
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return Some(at + 1),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    None
}

pub(super) fn write_field<T: Value>(text: &mut String, name: &str, value: &T) {
    text.push(' ');
    text.push_str(name);
    text.push('=');
    value.write(text);
}

/// Values that are written as they are displayed and parsed as they are read.
macro_rules! plain {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn write(&self, text: &mut String) {
                text.push_str(&self.to_string());
            }

            fn read(token: &str) -> Option<Self> {
                token.parse().ok()
            }
        })*
    };
}
plain!(
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    bool,
    crate::stored::JobState
);

macro_rules! newtype {
    ($($type:ident),*) => {
        $(impl Value for $type {
            fn write(&self, text: &mut String) {
                self.0.write(text);
            }

            fn read(token: &str) -> Option<Self> {
                Value::read(token).map(Self)
            }
        })*
    };
}
newtype!(AttemptNumber, JobId, QueueId, Token, WorkerId);

/// None is a dash.
impl<T: Value> Value for Option<T> {
    fn write(&self, text: &mut String) {
        match self {
            Some(value) => value.write(text),
            None => text.push('-'),
        }
    }

    fn read(token: &str) -> Option<Self> {
        match token {
            "-" => Some(None),
            _ => T::read(token).map(Some),
        }
    }
}

/// Texts are quoted, so that none can end a field or a line.
impl Value for String {
    fn write(&self, text: &mut String) {
        text.push('"');
        for character in self.chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                ' '..='~' => text.push(character),
                _ => text.extend(character.escape_unicode()),
            }
        }
        text.push('"');
    }

    fn read(token: &str) -> Option<Self> {
        let inner = token.strip_prefix('"')?.strip_suffix('"')?;
        let mut text = Self::with_capacity(inner.len());
        let mut rest = inner.chars();
        while let Some(character) = rest.next() {
            if character != '\\' {
                text.push(character);
                continue;
            }
            match rest.next()? {
                'u' => {
                    let digits = rest.as_str().strip_prefix('{')?;
                    let (digits, after) = digits.split_once('}')?;
                    text.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                    rest = after.chars();
                }
                quoted => text.push(quoted),
            }
        }
        Some(text)
    }
}

/// A struct whose fields are those of a line, in their order.
macro_rules! record {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl crate::store::fields::Body for $name {
                fn write(&self, _text: &mut String) {
                    $(crate::store::fields::write_field(_text, stringify!($field), &self.$field);)*
                }

                fn read(
                    _fields: &mut crate::store::fields::Fields<'_>,
                ) -> Result<Self, crate::store::StoreLineError> {
                    Ok(Self { $($field: _fields.take(stringify!($field))?,)* })
                }
            }
        )*
    };
}
pub(super) use record;

/// An enum of plain words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub enum $name { $($(#[$word_doc])* $variant,)* }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(match self { $(Self::$variant => $word,)* })
                }
            }

            impl crate::store::fields::Value for $name {
                fn write(&self, text: &mut String) {
                    text.push_str(match self { $(Self::$variant => $word,)* });
                }

                fn read(token: &str) -> Option<Self> {
                    match token {
                        $($word => Some(Self::$variant),)*
                        _ => None,
                    }
                }
            }
        )*
    };
}
pub(super) use words;
