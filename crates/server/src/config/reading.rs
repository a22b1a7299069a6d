//! From the layers to the model: each fault is noted with its place, and the reading goes on.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{ConfigFault, FilePlace, Findings, ValueOrigin};
use super::layer::{Layers, unknown};
use super::path::{self, Environment};
use super::placed::{At, CommaList, FlatList, ListOf, NamedMap, OnOff, PLACED, Placed, Setting, TextOf};
use super::yaml::{MapEntry, NodeContent, NodeId};
use super::{concealed, schema};

/// What a mapping of the model must be.
const MAPPING: &str = "a mapping of keys and values";

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
        let (node, path) = (self.layers.document.root, "".into());
        self.read(Context { node, key: None, path, within: Within::Struct }).unwrap_or_default()
    }

    fn read<T: DeserializeOwned>(&self, at: Context) -> Option<T> {
        T::deserialize(NodeReader { reading: self, at }).ok()
    }

    /// A mapping of the model; `None` where there is nothing, or a fault was noted.
    pub(super) fn section<T: DeserializeOwned>(&self, placed: &Placed<T>) -> Option<T> {
        let at = placed.at?;
        match self.content(at) {
            NodeContent::Map(_) => self.read(self.context(at)?),
            NodeContent::Null => None,
            NodeContent::Text(_) | NodeContent::List(_) => self.shape(at, MAPPING),
        }
    }

    /// A value of one text; `None` where there is nothing, or a fault was noted.
    pub(super) fn get<T: FromStr<Err: Display>>(&self, setting: &Setting<T>) -> Option<T> {
        let at = setting.at?;
        match self.content(at) {
            NodeContent::Text(text) => self.parse(at, text),
            NodeContent::Null if !self.is_item(at) => None,
            NodeContent::Null | NodeContent::List(_) | NodeContent::Map(_) => self.shape(at, "one value"),
        }
    }

    /// Whether there is something, right or wrong.
    pub(super) fn is_given<T>(&self, placed: &Placed<T>) -> bool {
        placed.at.is_some_and(|at| !matches!(self.content(at), NodeContent::Null))
    }

    fn parse<T: FromStr<Err: Display>>(&self, at: At, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.wrong(at, error)).ok()
    }

    /// Whether a setting is given and on.
    pub(super) fn is_on(&self, setting: &Setting<OnOff>) -> bool {
        self.get(setting).is_some_and(|switch| switch.0)
    }

    /// A value as a path of Signatory's sections.
    pub(super) fn path(&self, key: &str, given: &Setting<String>) -> Option<PathBuf> {
        let path = path::read(&self.get(given)?, self.environment);
        path.map_err(|message| self.fault(given.at, format!("{key}: {message}"))).ok()
    }

    /// The items of a list; none where there is nothing, or a fault was noted.
    pub(super) fn items<T>(&self, list: &Placed<ListOf<T>>) -> Vec<Placed<T>> {
        let Some(at) = list.at else { return Vec::new() };
        match self.content(at) {
            NodeContent::List(_) => self.parts(at).into_iter().map(Placed::at).collect(),
            NodeContent::Null => Vec::new(),
            NodeContent::Text(_) | NodeContent::Map(_) => self.shape(at, "a list").unwrap_or_default(),
        }
    }

    /// The items of a list of values of one text.
    pub(super) fn list<T: FromStr<Err: Display>>(&self, list: &Placed<ListOf<TextOf<T>>>) -> Vec<T> {
        self.items(list).iter().filter_map(|item| self.get(item)).collect()
    }

    /// The items of lists in lists.
    pub(super) fn flat<T: FromStr<Err: Display>>(&self, list: &Placed<FlatList<T>>) -> Vec<T> {
        let Some(at) = list.at else { return Vec::new() };
        match self.content(at) {
            NodeContent::List(_) => self
                .parts(at)
                .into_iter()
                .flat_map(|part| self.flat(&Placed::<FlatList<T>>::at(part)))
                .collect(),
            _ => self.get(&Setting::at(at)).into_iter().collect(),
        }
    }

    /// The items between commas or of a list. What is wrong with one repeats its text.
    pub(super) fn commas<T: FromStr<Err: Display>>(&self, list: &Placed<CommaList<T>>) -> Vec<T> {
        let Some(at) = list.at else { return Vec::new() };
        let item = |at: At, text: &str| {
            text.parse().map_err(|error| self.wrong(at, format!("{text}: {error}"))).ok()
        };
        match self.content(at) {
            NodeContent::List(_) => {
                let texts = self.parts(at).into_iter().map(|at| (at, self.get::<String>(&Setting::at(at))));
                texts.filter_map(|(at, text)| item(at, &text?)).collect()
            }
            _ => {
                let text = self.get::<String>(&Setting::at(at)).unwrap_or_default();
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                texts.filter_map(|text| item(at, text)).collect()
            }
        }
    }

    /// The entries of a mapping whose keys the operator chose, in their order; none where there is nothing, or a fault was noted.
    pub(super) fn entries<T>(&self, map: &Placed<NamedMap<T>>) -> Vec<(String, Placed<T>)> {
        let Some((at, context)) = map.at.and_then(|at| Some((at, self.context(at)?))) else {
            return Vec::new();
        };
        let NodeContent::Map(entries) = self.content(at) else {
            let is_null = matches!(self.content(at), NodeContent::Null);
            return if is_null { Vec::new() } else { self.shape(at, MAPPING).unwrap_or_default() };
        };
        let placed = |MapEntry { place, key, value }: &MapEntry| {
            let path = join(&context.path, key);
            let at = Context { node: Some(*value), key: Some(*place), path, within: Within::NamedMap };
            (key.clone(), Placed::at(self.register(at)))
        };
        entries.iter().map(placed).collect()
    }

    /// The items of the list at a place.
    fn parts(&self, at: At) -> Vec<At> {
        let (NodeContent::List(items), Some(context)) = (self.content(at), self.context(at)) else {
            return Vec::new();
        };
        let part = |node: &NodeId| {
            let path = context.path.clone();
            self.register(Context { node: Some(*node), key: None, path, within: Within::List })
        };
        items.iter().map(part).collect()
    }

    fn register(&self, at: Context) -> At {
        let mut contexts = self.contexts.borrow_mut();
        contexts.push(at);
        At { context: u32::try_from(contexts.len().saturating_sub(1)).unwrap_or(u32::MAX), key: false }
    }

    fn context(&self, at: At) -> Option<Context> {
        self.contexts.borrow().get(usize::try_from(at.context).ok()?).cloned()
    }

    fn is_item(&self, at: At) -> bool {
        self.context(at).is_some_and(|context| context.within == Within::List)
    }

    /// What the value at a place holds.
    pub(super) fn content(&self, at: At) -> &'a NodeContent {
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
            _ => self.in_file(self.place(&context, is_key), message),
        }
    }

    fn in_file(&self, place: FilePlace, message: impl Display) -> ConfigFault {
        ConfigFault::at(&self.layers.file, place, message)
    }

    fn place(&self, at: &Context, is_key: bool) -> FilePlace {
        let origin = at.node.map(|node| self.layers.origin(node));
        match (origin, at.key) {
            (_, Some(key)) if is_key => key,
            (Some(ValueOrigin::File(place)), _) => *place,
            (_, key) => key.unwrap_or(FilePlace { line: 1, column: 1 }),
        }
    }

    /// Notes that a text is wrong.
    fn wrong(&self, at: At, error: impl Display) {
        let path = self.context(at).map(|context| context.path).unwrap_or_else(|| "".into());
        match schema::setting(&path) {
            Some(_) => self.fault(at, error),
            None => self.fault(at, format!("{}: {error}", path.rsplit('.').next().unwrap_or_default())),
        }
    }

    /// Notes that a value is of another shape than is `expected`.
    fn shape<T>(&self, at: At, expected: &str) -> Option<T> {
        let context = self.context(at)?;
        self.push(self.misshapen(&context, expected));
        None
    }

    fn misshapen(&self, at: &Context, expected: &str) -> ConfigFault {
        let (above, last) = at.path.rsplit_once('.').unwrap_or(("", &at.path));
        let parent = above.rsplit('.').next().unwrap_or_default();
        let is_setting = schema::setting(&at.path).is_some();
        let what = match at.within {
            Within::NamedMap if expected == MAPPING => format!("an entry of `{parent}:`"),
            Within::List if expected == MAPPING => format!("an entry of `{last}:`"),
            Within::Struct if expected == MAPPING => format!("`{last}:`"),
            Within::List if is_setting => format!("each item of {}", at.path),
            Within::NamedMap | Within::List | Within::Struct if is_setting => at.path.to_string(),
            Within::NamedMap | Within::List | Within::Struct => last.to_owned(),
        };
        self.in_file(self.place(at, false), format!("{what} must be {expected}"))
    }

    /// A section that stands inside another one: indented too far, it says nothing where it belongs.
    pub(super) fn misplaced(&self, at: At, name: &str) -> bool {
        let Some(context) = self.context(at).filter(|_| schema::is_section(name)) else { return false };
        self.fault(at.key(), misplaced(name, &context.path));
        true
    }

    /// Says of the keys of a mapping of the model which are unknown, and which lack a value that they need.
    fn check_keys(&self, at: &Context, type_name: &str, fields: &'static [&'static str]) {
        let strict = schema::denies_unknown(type_name);
        let entries = at.node.map(|node| self.layers.document.entries(node));
        for MapEntry { place, key, value } in entries.unwrap_or_default() {
            if fields.contains(&key.as_str()) {
                let is_null = matches!(self.layers.document.content(*value), NodeContent::Null);
                if is_null && schema::guards(type_name, key) {
                    let full = join(&at.path, key);
                    let name = if schema::setting(&full).is_some() { &*full } else { key };
                    self.push(
                        self.in_file(*place, format!("{name} has no value; give it one, or leave it out")),
                    );
                }
            } else if schema::is_section(key) {
                self.push(self.in_file(*place, misplaced(key, &at.path)));
            } else {
                // A secret can become a key here, by a line that was cut or a colon too many.
                let is_private = at.path.starts_with("server.jwt.users");
                let name = if is_private { concealed::name(key) } else { key.clone() };
                let stray = self.in_file(*place, unknown("key", &name, fields.iter().copied()));
                let mut findings = self.findings.borrow_mut();
                if strict { findings.faults.push(stray) } else { findings.warnings.push(stray) }
            }
        }
    }
}

fn misplaced(name: &str, path: &str) -> String {
    let section = path.split('.').next().unwrap_or(path);
    format!("`{name}:` stands below `{section}:`; move it to the left margin")
}

fn join(above: &str, key: &str) -> Rc<str> {
    if above.is_empty() { key.into() } else { format!("{above}.{key}").into() }
}

/// A mapping of the model, or a value of one, being read.
struct NodeReader<'r, 'a> {
    reading: &'r FileReading<'a>,
    at: Context,
}

impl<'de> Deserializer<'de> for NodeReader<'_, '_> {
    type Error = Error;

    /// A mapping of the model. A section that is no mapping is noted, and taken for an empty one.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Self { reading, at } = self;
        let layers = reading.layers;
        match at.node.map(|node| layers.document.content(node)) {
            None | Some(NodeContent::Null | NodeContent::Map(_)) => reading.check_keys(&at, name, fields),
            Some(NodeContent::Text(_) | NodeContent::List(_)) => {
                reading.push(reading.misshapen(&at, MAPPING))
            }
        }
        let entries = at.node.map(|node| layers.document.entries(node)).unwrap_or_default();
        let members = fields.iter().filter_map(|field| {
            let path = join(&at.path, field);
            let entry = entries.iter().find(|entry| entry.key == *field);
            let node = match schema::setting(&path) {
                Some(_) => Some(layers.value(&path)?),
                None if entry.is_none() && !layers.reaches(&path) => return None,
                None => entry.map(|entry| entry.value),
            };
            let key = entry.map(|entry| entry.place);
            Some((*field, NodeReader { reading, at: Context { node, key, path, within: Within::Struct } }))
        });
        visitor.visit_map(Members { members, value: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == PLACED {
            visitor.visit_u32(self.reading.register(self.at).context)
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("the model has only mappings and what is placed"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// The members of a mapping of the model.
struct Members<'r, 'a, I> {
    members: I,
    value: Option<NodeReader<'r, 'a>>,
}

impl<'de, 'r, 'a, I: Iterator<Item = (&'static str, NodeReader<'r, 'a>)>> MapAccess<'de>
    for Members<'r, 'a, I>
{
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, Error> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value without a key"))?;
        seed.deserialize(value)
    }
}
