//! The types of the model's fields: values that know where they were given.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// The names by which [`Placed`] and [`Unread`] ask the reader for a place.
pub(super) const PLACED: &str = "Placed";
pub(super) const UNREAD: &str = "Unread";

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

/// A value and its place. What is wrong with one is noted by the reader, and the others are read all the same.
pub(super) struct Placed<T> {
    /// Where it stands; `None` where nobody gave it.
    pub(super) at: Option<At>,
    /// The value; `None` where it is absent, null or wrong.
    pub(super) value: Option<T>,
    /// Whether it is wrong.
    pub(super) failed: bool,
}

/// One value, read from its text.
pub(super) type Setting<T> = Placed<TextOf<T>>;

/// A list of words.
pub(super) type Words = Placed<ListOf<Setting<String>>>;

impl<T> Placed<TextOf<T>> {
    /// The value.
    pub(super) fn get(&self) -> Option<&T> {
        self.value.as_ref().map(|text| &text.0)
    }
}

impl Placed<TextOf<OnOff>> {
    /// Whether it is given and on.
    pub(super) fn is_on(&self) -> bool {
        self.get().is_some_and(|switch| switch.0)
    }
}

impl<T> Default for Placed<T> {
    fn default() -> Self {
        Self { at: None, value: None, failed: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
            type Value = Placed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value and its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Placed<T>, A::Error> {
                let at = parts.next_element()?.map(|context| At { context, key: false });
                let value = parts.next_element::<Option<T>>();
                Ok(Placed { at, failed: value.is_err(), value: value.ok().flatten().flatten() })
            }
        }
        deserializer.deserialize_tuple_struct(PLACED, 2, Parts(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// What is read from a text by [`FromStr`].
pub(super) struct TextOf<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for TextOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
            type Value = TextOf<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TextOf<T>, E> {
                text.parse().map(TextOf).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// A list.
pub(super) struct ListOf<T>(pub(super) Vec<T>);

impl<T> Placed<ListOf<T>> {
    /// The items; none where there is no list.
    pub(super) fn items(&self) -> &[T] {
        self.value.as_ref().map_or(&[], |list| &list.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ListOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = ListOf<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ListOf<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(ListOf(list))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// One value, or a list of them, perhaps with lists in it.
pub(super) struct FlatList<T> {
    items: Vec<T>,
    failed: bool,
}

/// Values between commas, or a list of them.
pub(super) struct CommaList<T>(pub(super) Vec<T>);

impl<T> Placed<FlatList<T>> {
    /// The items, none where there is nothing behind the key; `None` where one is wrong.
    pub(super) fn whole(self) -> Option<Vec<T>> {
        match self.value {
            Some(list) => (!list.failed).then_some(list.items),
            None => (!self.failed).then(Vec::new),
        }
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for FlatList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Items<T> {
            type Value = FlatList<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FlatList<T>, E> {
                let item = text.parse().map_err(E::custom)?;
                Ok(FlatList { items: vec![item], failed: false })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<FlatList<T>, A::Error> {
                let mut list = FlatList { items: Vec::new(), failed: false };
                while let Some(part) = parts.next_element::<Placed<FlatList<T>>>()? {
                    list.failed |= part.value.as_ref().is_none_or(|part| part.failed);
                    list.items.extend(part.value.into_iter().flat_map(|part| part.items));
                }
                Ok(list)
            }
        }
        deserializer.deserialize_any(Items(PhantomData))
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for CommaList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An item, whose text is repeated where it is wrong.
        struct Item<T>(T);
        impl<T: FromStr<Err: fmt::Display>> FromStr for Item<T> {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                text.parse().map(Item).map_err(|error| format!("{text}: {error}"))
            }
        }
        struct Items<T>(PhantomData<T>);
        impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Items<T> {
            type Value = CommaList<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CommaList<T>, E> {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                let items: Result<Vec<T>, E> =
                    texts.map(|text| text.parse::<Item<T>>().map(|item| item.0).map_err(E::custom)).collect();
                items.map(CommaList)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<CommaList<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(part) = parts.next_element::<Setting<Item<T>>>()? {
                    list.extend(part.value.map(|item| item.0.0));
                }
                Ok(CommaList(list))
            }
        }
        deserializer.deserialize_any(Items(PhantomData))
    }
}

/// A value that is read later, when it is known what it is.
pub(super) struct Unread<T> {
    pub(super) at: At,
    kind: PhantomData<T>,
}

impl<'de, T> Deserialize<'de> for Unread<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Context<T>(PhantomData<T>);
        impl<T> Visitor<'_> for Context<T> {
            type Value = Unread<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place")
            }

            fn visit_u32<E: Error>(self, context: u32) -> Result<Unread<T>, E> {
                Ok(Unread { at: At { context, key: false }, kind: PhantomData })
            }
        }
        deserializer.deserialize_newtype_struct(UNREAD, Context(PhantomData))
    }
}

/// A mapping whose keys the operator chooses, in the order of the file.
pub(super) struct NamedMap<T>(Vec<(String, Unread<T>)>);

impl<T> Placed<NamedMap<T>> {
    /// The entries; none where there is no mapping.
    pub(super) fn entries(&self) -> &[(String, Unread<T>)] {
        self.value.as_ref().map_or(&[], |map| &map.0)
    }
}

impl<'de, T> Deserialize<'de> for NamedMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T> Visitor<'de> for Entries<T> {
            type Value = NamedMap<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<NamedMap<T>, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(NamedMap(map))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
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
    TextOf<T> => |_generator| json_schema!({ "type": ["string", "number", "boolean", "null"] });
    FlatList<T> => |_generator| json_schema!({ "type": ["string", "array", "null"] });
    CommaList<T> => |_generator| json_schema!({ "type": ["string", "array", "null"] });
    ListOf<T: JsonSchema> => |generator| json_schema!({ "type": ["array", "null"], "items": generator.subschema_for::<T>() });
    Unread<T: JsonSchema> => |generator| generator.subschema_for::<T>();
    NamedMap<T: JsonSchema> => |generator| json_schema!({ "type": ["object", "null"], "additionalProperties": generator.subschema_for::<T>() });
}

/// `true` or `false`, also as `1`/`0`, `yes`/`no`, `on`/`off`.
#[derive(Copy, Clone)]
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
#[derive(Clone, Default)]
pub(super) struct PrivateText(pub(super) Zeroizing<String>);

impl FromStr for PrivateText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}
