//! YAML 1.2 as a tree that remembers where everything stands, made from the parser's events.
//!
//! The tree is built here and not by a library so that all repeated keys are found and not only the first, nesting and aliases have
//! limits, scalars keep the text as written (`0600` and `1.50` would not survive a detour through numbers), and texts, which may be
//! secrets, are wiped. Aliases and merge keys (`<<`) are resolved, since Signatory's parser does.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use zeroize::Zeroizing;

/// How deep lists and mappings may stand in each other, aliases included.
const MAX_DEPTH: usize = 32;
/// How many nodes aliases may make: ten lines of them could ask for a billion.
const MAX_ALIASED_NODES: usize = 50_000;
/// The key that takes over the entries of other mappings.
const MERGE: &str = "<<";

/// A line and a column, both from 1.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and where it starts.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) value: Value,
}

/// What a value can be. Numbers and switches are text until somebody knows what they are for.
#[derive(Clone)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Any other scalar, as written.
    Text(Zeroizing<String>),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// An entry of a mapping. Keys are text.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) mark: Mark,
    pub(super) key: String,
    pub(super) value: Node,
}

/// What is wrong with the text.
pub(super) type Complaint = (Mark, String);

/// The document in `text`; `None` where it is empty or broken.
///
/// # Errors
/// The complaints come beside the tree: repeated keys do not hide what else is wrong.
pub(super) fn read(text: &str) -> (Option<Node>, Vec<Complaint>) {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0_usize;
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((Event::DocumentStart(_), span)) => {
                documents = documents.saturating_add(1);
                let first = documents == 1;
                let message = "the file has more than one YAML document".to_owned();
                if first { Ok(()) } else { Err((mark(&span), message)) }
            }
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => {
                let at = error.marker();
                let mark = Mark { line: at.line(), column: at.col().saturating_add(1) };
                Err((mark, format!("not YAML: {}", error.info())))
            }
        };
        if let Err(complaint) = step {
            builder.complaints.push(complaint);
            return (None, builder.complaints);
        }
    }
    (builder.root, builder.complaints)
}

impl Node {
    /// How deep it reaches; a scalar is 1 deep. The tree is never deeper than [`MAX_DEPTH`], and so is this recursion.
    fn depth(&self) -> usize {
        let below = match &self.value {
            Value::Null | Value::Text(_) => 0,
            Value::List(items) => items.iter().map(Self::depth).max().unwrap_or_default(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.depth()).max().unwrap_or_default(),
        };
        below.saturating_add(1)
    }

    /// How many nodes it is made of.
    fn size(&self) -> usize {
        let below: usize = match &self.value {
            Value::Null | Value::Text(_) => 0,
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        };
        below.saturating_add(1)
    }
}

/// A list or mapping that has begun and not ended.
struct Open {
    mark: Mark,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: BTreeMap<String, Mark>,
        merged: Vec<Node>,
        /// The key whose value comes next; `None` inside for one that is not text.
        key: Option<(Mark, Option<String>)>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    aliased: usize,
    root: Option<Node>,
    complaints: Vec<Complaint>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Complaint> {
        let mark = mark(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref(), mark)?;
                self.finished(Node { mark, value }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(mark, anchor, tag.as_deref(), Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    seen: BTreeMap::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.begin(mark, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { mark, anchor, content }) => {
                    let value = self.close(content);
                    self.finished(Node { mark, value }, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.alias(anchor, mark)?;
                self.finished(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        mark: Mark,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), Complaint> {
        foreign(tag, mark)?;
        if self.open.len() >= MAX_DEPTH {
            return Err((mark, format!("lists and mappings stand more than {MAX_DEPTH} deep in each other")));
        }
        self.open.push(Open { mark, anchor, content });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<Node, Complaint> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err((mark, "the alias stands inside of what it stands for".to_owned()));
        };
        self.aliased = self.aliased.saturating_add(node.size());
        if self.aliased > MAX_ALIASED_NODES {
            return Err((mark, format!("aliases make more than {MAX_ALIASED_NODES} values")));
        }
        if self.open.len().saturating_add(node.depth()) > MAX_DEPTH {
            return Err((mark, format!("lists and mappings stand more than {MAX_DEPTH} deep in each other")));
        }
        Ok(Node { mark, value: node.value.clone() })
    }

    /// A value is complete: it goes to where it belongs.
    fn finished(&mut self, node: Node, anchor: usize) -> Result<(), Complaint> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(Open { content, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let (entries, seen, merged, key) = match content {
            Content::List(items) => {
                items.push(node);
                return Ok(());
            }
            Content::Map { entries, seen, merged, key } => (entries, seen, merged, key),
        };
        match key.take() {
            None => {
                let text = match &node.value {
                    Value::Text(text) => Some(text.to_string()),
                    _ => {
                        self.complaints.push((node.mark, "a key must be text".to_owned()));
                        None
                    }
                };
                if let Some(text) = text.as_ref().filter(|text| *text != MERGE) {
                    if let Some(first) = seen.get(text) {
                        let message =
                            format!("`{text}` stands here twice; the first time in line {}", first.line);
                        self.complaints.push((node.mark, message));
                    } else {
                        seen.insert(text.clone(), node.mark);
                    }
                }
                *key = Some((node.mark, text));
            }
            Some((_, None)) => {}
            Some((mark, Some(text))) if text == MERGE => merged.push(Node { mark, ..node }),
            Some((mark, Some(key))) => entries.push(Entry { mark, key, value: node }),
        }
        Ok(())
    }

    fn close(&mut self, content: Content) -> Value {
        match content {
            Content::List(items) => Value::List(items),
            Content::Map { mut entries, merged, .. } => {
                for node in merged {
                    self.merge(&mut entries, node);
                }
                Value::Map(entries)
            }
        }
    }

    /// Takes over what `entries` does not say itself; of several mappings the first counts.
    fn merge(&mut self, entries: &mut Vec<Entry>, from: Node) {
        let sources = match from.value {
            Value::List(items) => items,
            value => vec![Node { mark: from.mark, value }],
        };
        let mut own: BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        for source in sources {
            match source.value {
                Value::Map(others) => {
                    for other in others {
                        if own.insert(other.key.clone()) {
                            entries.push(other);
                        }
                    }
                }
                _ => self.complaints.push((source.mark, "`<<` takes mappings".to_owned())),
            }
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, mark: Mark) -> Result<Value, Complaint> {
    foreign(tag, mark)?;
    let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
    match text {
        "" | "~" | "null" | "Null" | "NULL" if !is_text => Ok(Value::Null),
        _ => Ok(Value::Text(Zeroizing::new(text.to_owned()))),
    }
}

fn foreign(tag: Option<&Tag>, mark: Mark) -> Result<(), Complaint> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err((mark, format!("the tag {}{} means nothing here", tag.handle, tag.suffix)))
        }
        _ => Ok(()),
    }
}

fn mark(span: &Span) -> Mark {
    Mark { line: span.start.line(), column: span.start.col().saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => format!("{:?}", text.as_str()),
            Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
            Value::Map(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|entry| format!("{}: {}", entry.key, flow(&entry.value))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn complaints(text: &str) -> Vec<String> {
        read(text).1.iter().map(|(at, what)| format!("{}:{}: {what}", at.line, at.column)).collect()
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
            let (root, complaints) = read(text);
            assert_eq!((flow(&root.unwrap()), complaints), (wanted.to_owned(), Vec::new()), "{text:?}");
        }
        assert!(read("# nothing\n").0.is_none());
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
