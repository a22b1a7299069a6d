//! YAML 1.2 as a tree that remembers where everything stands, made from the parser's events. Aliases and merge keys (`<<`) are resolved.
//!
//! docs/internals/decisions.md says why no library reads it whole: all repeated keys are named and not only the first, scalars keep their
//! text (`0600`, `1.50`), and texts, which may be secrets, are wiped.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use zeroize::Zeroizing;

use super::fault::{FilePlace, ValueOrigin};

/// How deep lists and mappings may stand in each other, aliases included.
const MAX_DEPTH: usize = 32;
/// How many nodes aliases may make: ten lines of them could ask for a billion.
const MAX_ALIASED_NODES: usize = 50_000;
/// The key that takes over the entries of other mappings.
const MERGE: &str = "<<";

/// The number of a node.
pub(super) type NodeId = usize;

/// A value and where it came from.
pub(super) struct ConfigNode {
    pub(super) origin: ValueOrigin,
    pub(super) content: NodeContent,
}

/// What a value can be. Numbers and switches are text until somebody knows what they are for.
#[derive(Clone)]
pub(super) enum NodeContent {
    /// Nothing, `~` or `null`.
    Null,
    /// Any other scalar, as written.
    Text(Zeroizing<String>),
    List(Vec<NodeId>),
    Map(Vec<MapEntry>),
}

/// An entry of a mapping. Keys are text.
#[derive(Clone)]
pub(super) struct MapEntry {
    pub(super) place: FilePlace,
    pub(super) key: String,
    pub(super) value: NodeId,
}

/// What is wrong with the text.
pub(super) type Complaint = (FilePlace, String);

/// A document.
#[derive(Default)]
pub(super) struct Document {
    pub(super) nodes: Vec<ConfigNode>,
    /// `None` where the text is empty or broken.
    pub(super) root: Option<NodeId>,
    pub(super) complaints: Vec<Complaint>,
}

impl Document {
    /// The document in `text`. Repeated keys do not hide what else is wrong.
    pub(super) fn read(text: &str) -> Self {
        let mut loader = Loader::default();
        if let Err(complaint) = loader.load(text) {
            loader.document.complaints.push(complaint);
            loader.document.root = None;
        }
        loader.document
    }

    /// Adds a node.
    pub(super) fn add(&mut self, origin: ValueOrigin, content: NodeContent) -> NodeId {
        self.nodes.push(ConfigNode { origin, content });
        self.nodes.len().saturating_sub(1)
    }

    /// What a node holds.
    pub(super) fn content(&self, node: NodeId) -> &NodeContent {
        self.nodes.get(node).map_or(&NodeContent::Null, |node| &node.content)
    }

    /// The entries of a mapping; none where it is something else.
    pub(super) fn entries(&self, node: NodeId) -> &[MapEntry] {
        match self.content(node) {
            NodeContent::Map(entries) => entries,
            NodeContent::Null | NodeContent::Text(_) | NodeContent::List(_) => &[],
        }
    }

    /// How many nodes it is made of, and how deep it reaches. The tree is never deeper than [`MAX_DEPTH`], and so is this recursion.
    fn measure(&self, node: NodeId) -> (usize, usize) {
        let children: Vec<NodeId> = match self.content(node) {
            NodeContent::Null | NodeContent::Text(_) => Vec::new(),
            NodeContent::List(items) => items.clone(),
            NodeContent::Map(entries) => entries.iter().map(|entry| entry.value).collect(),
        };
        children.into_iter().map(|child| self.measure(child)).fold((1, 1), |(size, depth), child| {
            (size.saturating_add(child.0), depth.max(child.1.saturating_add(1)))
        })
    }
}

/// A list or mapping that has begun and not ended.
struct Open {
    place: FilePlace,
    anchor: usize,
    content: NodeContent,
    /// The keys of a mapping so far, each with its first place.
    seen: BTreeMap<String, FilePlace>,
    merged: Vec<NodeId>,
    /// The key whose value comes next; `None` inside for one that is not text.
    key: Option<(FilePlace, Option<String>)>,
}

#[derive(Default)]
struct Loader {
    document: Document,
    open: Vec<Open>,
    anchors: BTreeMap<usize, NodeId>,
    aliased: usize,
}

impl Loader {
    fn load(&mut self, text: &str) -> Result<(), Complaint> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0_usize;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let at = error.marker();
                let place = FilePlace { line: at.line(), column: at.col().saturating_add(1) };
                (place, format!("not YAML: {}", error.info()))
            })?;
            if matches!(event, Event::DocumentStart(_)) {
                documents = documents.saturating_add(1);
                if documents > 1 {
                    return Err((place(&span), "the file has more than one YAML document".to_owned()));
                }
            }
            self.event(event, place(&span))?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, place: FilePlace) -> Result<(), Complaint> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                core_tag(tag.as_deref(), place)?;
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let content = match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if !is_text => NodeContent::Null,
                    _ => NodeContent::Text(Zeroizing::new(text.into_owned())),
                };
                self.finished(place, content, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(place, anchor, tag.as_deref(), NodeContent::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(place, anchor, tag.as_deref(), NodeContent::Map(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { place, anchor, mut content, mut seen, merged, .. }) => {
                    if let NodeContent::Map(entries) = &mut content {
                        merged.into_iter().for_each(|node| self.merge(entries, &mut seen, node));
                    }
                    self.finished(place, content, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).copied() else {
                    return Err((place, "the alias stands inside of what it stands for".to_owned()));
                };
                let (size, depth) = self.document.measure(node);
                self.aliased = self.aliased.saturating_add(size);
                if self.aliased > MAX_ALIASED_NODES {
                    return Err((place, format!("aliases make more than {MAX_ALIASED_NODES} values")));
                }
                self.check_depth(place, depth)?;
                let content = self.document.content(node).clone();
                self.finished(place, content, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        place: FilePlace,
        anchor: usize,
        tag: Option<&Tag>,
        content: NodeContent,
    ) -> Result<(), Complaint> {
        core_tag(tag, place)?;
        self.check_depth(place, 1)?;
        self.open.push(Open { place, anchor, content, seen: BTreeMap::new(), merged: Vec::new(), key: None });
        Ok(())
    }

    fn check_depth(&self, place: FilePlace, more: usize) -> Result<(), Complaint> {
        match self.open.len().saturating_add(more) > MAX_DEPTH {
            true => {
                Err((place, format!("lists and mappings stand more than {MAX_DEPTH} deep in each other")))
            }
            false => Ok(()),
        }
    }

    /// A value is complete: it goes to where it belongs.
    fn finished(&mut self, place: FilePlace, content: NodeContent, anchor: usize) -> Result<(), Complaint> {
        let node = self.document.add(ValueOrigin::File(place), content);
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        let Some(Open { content, seen, merged, key, .. }) = self.open.last_mut() else {
            self.document.root = Some(node);
            return Ok(());
        };
        let entries = match content {
            NodeContent::Map(entries) => entries,
            NodeContent::List(items) => {
                items.push(node);
                return Ok(());
            }
            NodeContent::Null | NodeContent::Text(_) => return Ok(()),
        };
        match key.take() {
            None => {
                let text = match self.document.content(node) {
                    NodeContent::Text(text) => Some(text.to_string()),
                    NodeContent::Null | NodeContent::List(_) | NodeContent::Map(_) => {
                        self.document.complaints.push((place, "a key must be text".to_owned()));
                        None
                    }
                };
                if let Some(text) = text.as_ref().filter(|text| *text != MERGE) {
                    if let Some(first) = seen.get(text) {
                        let message =
                            format!("`{text}` stands here twice; the first time in line {}", first.line);
                        self.document.complaints.push((place, message));
                    } else {
                        seen.insert(text.clone(), place);
                    }
                }
                *key = Some((place, text));
            }
            Some((_, None)) => {}
            Some((_, Some(key))) if key == MERGE => merged.push(node),
            Some((place, Some(key))) => entries.push(MapEntry { place, key, value: node }),
        }
        Ok(())
    }

    /// Takes over what `entries` does not say itself; of several mappings the first counts.
    fn merge(&mut self, entries: &mut Vec<MapEntry>, seen: &mut BTreeMap<String, FilePlace>, from: NodeId) {
        let sources = match self.document.content(from) {
            NodeContent::List(items) => items.clone(),
            NodeContent::Null | NodeContent::Text(_) | NodeContent::Map(_) => vec![from],
        };
        for source in sources {
            match self.document.nodes.get(source) {
                Some(ConfigNode { content: NodeContent::Map(others), .. }) => {
                    for other in others {
                        if seen.insert(other.key.clone(), other.place).is_none() {
                            entries.push(other.clone());
                        }
                    }
                }
                Some(ConfigNode { origin: ValueOrigin::File(place), .. }) => {
                    self.document.complaints.push((*place, "`<<` takes mappings".to_owned()));
                }
                _ => {}
            }
        }
    }
}

fn core_tag(tag: Option<&Tag>, place: FilePlace) -> Result<(), Complaint> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err((place, format!("the tag {}{} means nothing here", tag.handle, tag.suffix)))
        }
        _ => Ok(()),
    }
}

fn place(span: &Span) -> FilePlace {
    FilePlace { line: span.start.line(), column: span.start.col().saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(document: &Document, node: NodeId) -> String {
        let flow = |node: &NodeId| flow(document, *node);
        match document.content(node) {
            NodeContent::Null => "null".to_owned(),
            NodeContent::Text(text) => format!("{:?}", text.as_str()),
            NodeContent::List(items) => {
                format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
            }
            NodeContent::Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|entry| format!("{}: {}", entry.key, flow(&entry.value))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn complaints(text: &str) -> Vec<String> {
        Document::read(text)
            .complaints
            .iter()
            .map(|(at, what)| format!("{}:{}: {what}", at.line, at.column))
            .collect()
    }

    #[test]
    fn values_are_what_was_written() {
        for (text, wanted) in [
            (
                "a: 0600\nb: 1.50\nc: yes\nd: 2026-12-31 00:00:00\n",
                r#"{a: "0600", b: "1.50", c: "yes", d: "2026-12-31 00:00:00"}"#,
            ),
            (
                "a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: !!str null\n",
                r#"{a: null, b: null, c: null, d: "", e: "null", f: "null"}"#,
            ),
            ("- x\n- [1, {2: }]\n", r#"["x", ["1", {2: null}]]"#),
            ("a: &x {b: 1}\nc: *x\n", r#"{a: {b: "1"}, c: {b: "1"}}"#),
            ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", r#"{a: {b: "1", c: "2"}, d: {c: "3", b: "1"}}"#),
            ("a: {<<: [{b: 1}, {b: 2, c: 3}]}\n", r#"{a: {b: "1", c: "3"}}"#),
        ] {
            let document = Document::read(text);
            let found = flow(&document, document.root.unwrap());
            assert_eq!((found, &document.complaints), (wanted.to_owned(), &Vec::new()), "{text:?}");
        }
        for empty in ["", "\n# only a comment\n"] {
            assert_eq!((Document::read(empty).root, complaints(empty)), (None, Vec::new()));
        }
    }

    #[test]
    fn every_repeated_key_is_named_with_its_line() {
        assert_eq!(
            complaints("a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\nc:\n  - {z: 1,\n     z: 2}\n"),
            [
                "2:17: `x` stands here twice; the first time in line 2",
                "3:1: `a` stands here twice; the first time in line 1",
                "6:6: `z` stands here twice; the first time in line 5",
            ]
        );
    }

    #[test]
    fn hostile_documents_end_in_complaints() {
        let bomb = (1..10).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
            let list = vec![format!("*a{}", n - 1); 9].join(", ");
            format!("{text}a{n}: &a{n} [{list}]\n")
        });
        let ladder =
            (1..40).fold("a0: &a0 x\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{}]\n", n - 1));
        for (text, wanted) in [
            ("[".repeat(100_000), "recursion limit exceeded"),
            ("{a: ".repeat(100_000), "recursion limit exceeded"),
            (format!("{}{}", "[".repeat(40), "]".repeat(40)), "more than 32 deep"),
            ("- ".repeat(100_000), "more than 32 deep"),
            (bomb, "aliases make more than 50000 values"),
            (ladder, "more than 32 deep"),
            ("a: &a [*a]".to_owned(), "the alias stands inside"),
            ("a: *b".to_owned(), "not YAML: "),
            ("a: [".to_owned(), "not YAML: "),
            ("a: !exec {}".to_owned(), "means nothing here"),
            ("[a]: 1".to_owned(), "a key must be text"),
            ("a: {<<: 1}".to_owned(), "`<<` takes mappings"),
            ("a: 1\n---\nb: 1".to_owned(), "more than one YAML document"),
        ] {
            let found = complaints(&text);
            let start: String = text.chars().take(20).collect();
            assert!(found.iter().any(|complaint| complaint.contains(wanted)), "{start:?}: {found:?}");
        }
    }
}
