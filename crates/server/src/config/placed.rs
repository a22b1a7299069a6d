//! The types of the model's fields: where a value stands, and as what the reading reads it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use zeroize::Zeroizing;

/// The name by which [`Placed`] asks the reader for a place.
pub(super) const PLACED: &str = "Placed";

/// A place in what was given, known to the reading that made it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct At {
    pub(super) context: u32,
    /// Whether the key is meant and not its value.
    pub(super) key: bool,
}

impl At {
    /// The place of the key.
    pub(super) const fn key(self) -> Self {
        Self { key: true, ..self }
    }
}

/// A value that is read as `T`: a mapping of the model, or one of the types below.
pub(super) struct Placed<T> {
    /// Where it stands; `None` where nobody gave it.
    pub(super) at: Option<At>,
    kind: PhantomData<T>,
}

/// A value of one text.
pub(super) struct TextOf<T>(PhantomData<T>);
/// A list of values of one text.
pub(super) struct ListOf<T>(PhantomData<T>);
/// One value, or a list of them, perhaps with lists in it.
pub(super) struct FlatList<T>(PhantomData<T>);
/// Values between commas, or a list of them.
pub(super) struct CommaList<T>(PhantomData<T>);
/// A mapping whose keys the operator chooses.
pub(super) struct NamedMap<T>(PhantomData<T>);

/// One value, read from its text.
pub(super) type Setting<T> = Placed<TextOf<T>>;
/// A list of words.
pub(super) type Words = Placed<ListOf<TextOf<String>>>;

impl<T> Placed<T> {
    pub(super) const fn at(at: At) -> Self {
        Self { at: Some(at), kind: PhantomData }
    }
}

impl<T> Default for Placed<T> {
    fn default() -> Self {
        Self { at: None, kind: PhantomData }
    }
}

impl<'de, T> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Context<T>(PhantomData<T>);
        impl<T> Visitor<'_> for Context<T> {
            type Value = Placed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place")
            }

            fn visit_u32<E: Error>(self, context: u32) -> Result<Placed<T>, E> {
                Ok(Placed::at(At { context, key: false }))
            }
        }
        deserializer.deserialize_newtype_struct(PLACED, Context(PhantomData))
    }
}

/// The schemas of these types: of a text, of lists, and of what they stand for.
macro_rules! schemas {
    ($($name:ident<$item:ident $(: $bound:ident)?> => |$generator:ident| $schema:expr;)*) => {
        $(impl<$item $(: $bound)?> JsonSchema for $name<$item> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        })*
    };
}

schemas! {
    Placed<T: JsonSchema> => |generator| generator.subschema_for::<T>();
    TextOf<T> => |_generator| json_schema!({ "type": ["string", "number", "boolean", "null"] });
    FlatList<T> => |_generator| json_schema!({ "type": ["string", "array", "null"] });
    CommaList<T> => |_generator| json_schema!({ "type": ["string", "array", "null"] });
    ListOf<T: JsonSchema> => |generator| json_schema!({ "type": ["array", "null"], "items": generator.subschema_for::<T>() });
    NamedMap<T: JsonSchema> => |generator| json_schema!({ "type": ["object", "null"], "additionalProperties": generator.subschema_for::<T>() });
}

/// `true` or `false`, also as `1`/`0`, `yes`/`no`, `on`/`off`.
pub(super) struct OnOff(pub(super) bool);

impl FromStr for OnOff {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err("write true or false"),
        }
    }
}

/// A text that may be a secret: it is wiped.
pub(super) struct PrivateText(pub(super) Zeroizing<String>);

impl FromStr for PrivateText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}
