//! From the layers to the model: a `serde` deserializer that notes each fault with its place and goes on.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::path::PathBuf;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{ConfigFault, FilePlace, Findings, ValueOrigin};
use super::layer::{Layers, unknown};
use super::path::{self, Environment};
use super::placed::{At, PLACED, Placed, Setting, UNREAD};
use super::yaml::{MapEntry, NodeContent, NodeId};
use super::{concealed, schema};

/// A reading of the layers: what was found, and where everything stands.
pub(super) struct FileReading<'a> {
    pub(super) layers: &'a Layers,
    pub(super) environment: Environment<'a>,
    /// Whether the file itself has a secret in it.
    pub(super) holds_secrets: Cell<bool>,
    contexts: RefCell<Vec<Context>>,
    findings: RefCell<Findings>,
}

/// Where a value stands.
#[derive(Clone)]
struct Context {
    node: Option<NodeId>,
    key: Option<FilePlace>,
    path: Rc<str>,
    within: Within,
}

/// What a value is part of.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Within {
    /// A mapping whose keys the model knows.
    Struct,
    /// A mapping whose keys the operator chooses.
    NamedMap,
    List,
}

impl<'a> FileReading<'a> {
    pub(super) fn new(layers: &'a Layers, environment: Environment<'a>) -> Self {
        Self {
            layers,
            environment,
            holds_secrets: Cell::new(false),
            contexts: RefCell::default(),
            findings: RefCell::default(),
        }
    }

    /// The whole model.
    pub(super) fn model<T: DeserializeOwned + Default>(&self) -> T {
        let root =
            Context { node: self.layers.document.root, key: None, path: "".into(), within: Within::Struct };
        T::deserialize(NodeReader { reading: self, at: root }).unwrap_or_default()
    }

    /// The value at a place, now that it is known what it is.
    pub(super) fn value<T: DeserializeOwned>(&self, at: At) -> Placed<T> {
        let context = self.context(at);
        let reader = context.map(|at| NodeReader { reading: self, at });
        let value = reader.map(Option::<T>::deserialize);
        let failed = matches!(value, Some(Err(_)));
        Placed { at: Some(at), value: value.and_then(Result::ok).flatten(), failed }
    }

    fn context(&self, at: At) -> Option<Context> {
        self.contexts.borrow().get(usize::try_from(at.context).ok()?).cloned()
    }

    /// What the value at a place holds.
    pub(super) fn content(&self, at: At) -> &NodeContent {
        let node = self.context(at).and_then(|context| context.node);
        node.map_or(&NodeContent::Null, |node| self.layers.document.content(node))
    }

    /// Whether the value at a place is a mapping with this key.
    pub(super) fn has_key(&self, at: At, key: &str) -> bool {
        matches!(self.content(at), NodeContent::Map(entries) if entries.iter().any(|entry| entry.key == key))
    }

    /// What was found.
    pub(super) fn findings(self) -> Findings {
        self.findings.into_inner()
    }

    /// How many faults were found so far.
    pub(super) fn faults(&self) -> usize {
        self.findings.borrow().faults.len()
    }

    pub(super) fn fault(&self, at: impl Into<Option<At>>, message: impl Display) {
        let fault = self.finding(at, message);
        self.push(fault);
    }

    pub(super) fn push(&self, fault: ConfigFault) {
        self.findings.borrow_mut().faults.push(fault);
    }

    pub(super) fn warning(&self, at: impl Into<Option<At>>, message: impl Display) {
        let warning = self.finding(at, message);
        self.findings.borrow_mut().warnings.push(warning);
    }

    pub(super) fn advice(&self, at: impl Into<Option<At>>, message: impl Display) {
        let advice = self.finding(at, message);
        self.advise(advice);
    }

    pub(super) fn advise(&self, advice: ConfigFault) {
        self.findings.borrow_mut().advice.push(advice);
    }

    pub(super) fn notice(&self, at: impl Into<Option<At>>, message: impl Display) {
        let notice = self.finding(at, message);
        self.findings.borrow_mut().notices.push(notice);
    }

    fn finding(&self, at: impl Into<Option<At>>, message: impl Display) -> ConfigFault {
        let Some((context, is_key)) = at.into().and_then(|at| Some((self.context(at)?, at.key))) else {
            return ConfigFault::new("", message);
        };
        match (schema::setting(&context.path), context.node) {
            (Some(row), Some(node)) => self.layers.fault_of(row, node, message),
            (Some(row), None) => ConfigFault::new(&row.name, message),
            (None, _) => ConfigFault::at(&self.layers.file, self.place(&context, is_key), message),
        }
    }

    fn place(&self, at: &Context, is_key: bool) -> FilePlace {
        let origin = at.node.map(|node| self.layers.origin(node));
        match (origin, at.key) {
            (_, Some(key)) if is_key => key,
            (Some(ValueOrigin::File(place)), _) => *place,
            (_, key) => key.unwrap_or(FilePlace { line: 1, column: 1 }),
        }
    }

    /// A section that stands inside another one: indented too far, it says nothing where it belongs.
    pub(super) fn misplaced(&self, at: At, name: &str) -> bool {
        let Some(context) = self.context(at).filter(|_| schema::is_section(name)) else { return false };
        self.fault(at.key(), misplaced(name, &context.path));
        true
    }

    /// The value as a path.
    pub(super) fn path(&self, key: &str, given: &Setting<String>) -> Option<PathBuf> {
        let path = path::read(given.get()?, self.environment);
        path.map_err(|message| self.fault(given.at, format!("{key}: {message}"))).ok()
    }
}

fn misplaced(name: &str, path: &str) -> String {
    let section = path.split('.').next().unwrap_or(path);
    format!("`{name}:` stands below `{section}:`; move it to the left margin")
}

/// Why a value could not be read. What [`Noted`](Self::Noted) says has been noted.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("noted")]
    Noted,
    #[error("must be {0}")]
    Shape(String),
    #[error("{0}")]
    Wrong(String),
}

impl serde::de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Wrong(message.to_string())
    }

    fn invalid_type(_: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::Shape(expected.to_string())
    }
}

/// A value being read.
#[derive(Clone)]
struct NodeReader<'a> {
    reading: &'a FileReading<'a>,
    at: Context,
}

impl<'a> NodeReader<'a> {
    fn content(&self) -> &'a NodeContent {
        self.at.node.map_or(&NodeContent::Null, |node| self.reading.layers.document.content(node))
    }

    /// The number of its place, for later.
    fn register(self) -> u32 {
        let mut contexts = self.reading.contexts.borrow_mut();
        contexts.push(self.at);
        u32::try_from(contexts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// A part of it.
    fn part(&self, node: Option<NodeId>, key: Option<FilePlace>, path: Rc<str>, within: Within) -> Self {
        Self { reading: self.reading, at: Context { node, key, path, within } }
    }

    /// Notes what is wrong with it.
    fn note(&self, error: ReadError) -> ReadError {
        let path = &self.at.path;
        let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
        let row = schema::setting(path);
        let message = match &error {
            ReadError::Noted => return error,
            ReadError::Wrong(message) => match (row, self.at.node) {
                (Some(row), Some(node)) => {
                    self.reading.push(self.reading.layers.fault_of(row, node, message));
                    return ReadError::Noted;
                }
                _ => format!("{last}: {message}"),
            },
            ReadError::Shape(expected) => {
                let mapping = expected.starts_with("a mapping");
                let parent = above.rsplit('.').next().unwrap_or_default();
                let what = match self.at.within {
                    Within::NamedMap if mapping => format!("an entry of `{parent}:`"),
                    Within::List if mapping => format!("an entry of `{last}:`"),
                    Within::Struct if mapping => format!("`{last}:`"),
                    Within::List if row.is_some() => format!("each item of {path}"),
                    _ if row.is_some() => path.to_string(),
                    Within::NamedMap | Within::List | Within::Struct => last.to_owned(),
                };
                format!("{what} must be {expected}")
            }
        };
        let place = self.reading.place(&self.at, false);
        self.reading.push(ConfigFault::at(&self.reading.layers.file, place, message));
        ReadError::Noted
    }

    /// Says of the keys of a mapping of the model which are unknown, and which lack a value that they need.
    fn check_keys(&self, type_name: &str, fields: &'static [&'static str]) {
        let path = &*self.at.path;
        let strict = schema::denies_unknown(type_name);
        let node = self.at.node.map(|node| self.reading.layers.document.entries(node));
        for MapEntry { place, key, value } in node.unwrap_or_default() {
            let fault = |message: String| ConfigFault::at(&self.reading.layers.file, *place, message);
            if fields.contains(&key.as_str()) {
                let is_null = matches!(self.reading.layers.document.content(*value), NodeContent::Null);
                if is_null && schema::guards(type_name, key) {
                    let full = join(path, key);
                    let name = if schema::setting(&full).is_some() { &*full } else { key };
                    self.reading.push(fault(format!("{name} has no value; give it one, or leave it out")));
                }
            } else if schema::is_section(key) {
                self.reading.push(fault(misplaced(key, path)));
            } else {
                // A secret can become a key here, by a line that was cut or a colon too many.
                let is_private = path.starts_with("server.jwt.users");
                let name = if is_private { concealed::name(key) } else { key.clone() };
                let stray = fault(unknown("key", &name, fields.iter().copied()));
                let mut findings = self.reading.findings.borrow_mut();
                if strict { findings.faults.push(stray) } else { findings.warnings.push(stray) }
            }
        }
    }
}

fn join(above: &str, key: &str) -> Rc<str> {
    if above.is_empty() { key.into() } else { format!("{above}.{key}").into() }
}

impl<'de> Deserializer<'de> for NodeReader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let read = match self.content() {
            NodeContent::Null => visitor.visit_unit(),
            NodeContent::Text(text) => visitor.visit_str(text),
            NodeContent::List(items) => {
                let path = &self.at.path;
                let parts = items.iter().map(|node| self.part(Some(*node), None, path.clone(), Within::List));
                visitor.visit_seq(Parts(parts))
            }
            NodeContent::Map(entries) => visitor.visit_map(Entries {
                entries: entries.iter().map(|MapEntry { place, key, value }| {
                    let path = join(&self.at.path, key);
                    (key.as_str(), self.part(Some(*value), Some(*place), path, Within::NamedMap))
                }),
                value: None,
            }),
        };
        read.map_err(|error| self.note(error))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.content() {
            NodeContent::Null if self.at.within != Within::List => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A mapping of the model. A section that is no mapping is noted, and taken for an empty one.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.content() {
            NodeContent::Null | NodeContent::Map(_) => self.check_keys(name, fields),
            NodeContent::Text(_) | NodeContent::List(_) => {
                let noted = self.note(ReadError::Shape("a mapping of keys and values".to_owned()));
                if self.at.within != Within::Struct {
                    return Err(noted);
                }
            }
        }
        let layers = self.reading.layers;
        let entries = self.at.node.map(|node| layers.document.entries(node)).unwrap_or_default();
        let members = fields.iter().filter_map(|field| {
            let path = join(&self.at.path, field);
            let entry = entries.iter().find(|entry| entry.key == *field);
            let node = match schema::setting(&path) {
                Some(_) => Some(layers.value(&path)?),
                None if entry.is_none() && !layers.reaches(&path) => return None,
                None => entry.map(|entry| entry.value),
            };
            let place = entry.map(|entry| entry.place);
            Some((*field, self.part(node, place, path, Within::Struct)))
        });
        visitor.visit_map(Entries { entries: members, value: None })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name != PLACED {
            return self.deserialize_any(visitor);
        }
        let context = self.clone().register();
        visitor.visit_seq(PlaceAndValue { context: Some(context), value: self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == UNREAD { visitor.visit_u32(self.register()) } else { visitor.visit_newtype_struct(self) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple map enum
        identifier ignored_any
    }
}

/// The items of a list.
struct Parts<I>(I);

impl<'de, 'a, I: Iterator<Item = NodeReader<'a>>> SeqAccess<'de> for Parts<I> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.0.next().map(|part| seed.deserialize(part)).transpose()
    }
}

/// The entries of a mapping.
struct Entries<'a, I> {
    entries: I,
    value: Option<NodeReader<'a>>,
}

impl<'de, 'a, I: Iterator<Item = (&'a str, NodeReader<'a>)>> MapAccess<'de> for Entries<'a, I> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, ReadError> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let value = self.value.take().ok_or(ReadError::Noted)?;
        seed.deserialize(value)
    }
}

/// What makes a [`Placed`]: the number of its place, then its value.
struct PlaceAndValue<'a> {
    context: Option<u32>,
    value: NodeReader<'a>,
}

impl<'de> SeqAccess<'de> for PlaceAndValue<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        match self.context.take() {
            Some(context) => seed.deserialize(context.into_deserializer()).map(Some),
            None => seed.deserialize(self.value.clone()).map(Some),
        }
    }
}
