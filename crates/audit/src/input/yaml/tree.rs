//! The tree of a YAML document, in which an alias is the same node as its anchor.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::super::{MAX_DEPTH, MAX_DOCUMENT};
use super::{Fault, scalar};

/// The maximum number of values in a document: one for 16 bytes of the longest document. A value may take 3 bytes of
/// text, and 100 in memory.
const MAX_VALUES: usize = MAX_DOCUMENT / 16;

/// The index of a node.
pub(super) type Id = usize;

/// The nodes of a document.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    root: Id,
}

/// A node, and the line on which it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// JSON text.
    Scalar(String),
    List(Vec<Element>),
    Map(Vec<(Key, Element)>),
}

/// A node where it is used: for an alias, that is not where it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) id: Id,
    pub(super) line: usize,
    /// The line of its key in a map; without one, its own line.
    pub(super) key_line: usize,
}

/// The key of a map's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    /// `<<`, which adds the entries of other maps.
    Merge,
}

impl Tree {
    pub(super) fn root(&self) -> Id {
        self.root
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Returns whether the document is null.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.node(self.root).content, Content::Scalar(text) if text == "null")
    }

    fn add(&mut self, line: usize, content: Content) -> Id {
        self.nodes.push(Node { line, content });
        self.nodes.len() - 1
    }
}

/// Parses a text that holds one document; `None` if it holds none.
pub(super) fn parse(text: &str) -> Result<Option<Tree>, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        builder.add(event, span.start.line())?;
    }
    Ok(builder.has_root.then_some(builder.tree))
}

/// Builds a tree from the parser's events.
#[derive(Default)]
struct Builder {
    tree: Tree,
    has_root: bool,
    /// The number of values, of which an alias is one.
    values: usize,
    /// The maps and lists that have not ended.
    open: Vec<Open>,
    /// The nodes with an anchor; `None` while they have not ended.
    anchors: HashMap<usize, Option<Id>>,
}

struct Open {
    anchor: usize,
    line: usize,
    content: Content,
    /// The key whose value comes next.
    key: Option<(Key, usize)>,
}

impl Builder {
    fn add(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_) if self.has_root => Err(Fault::SeveralDocuments { line }),
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(tag.as_deref(), line)?;
                let is_plain = style == ScalarStyle::Plain;
                let json = scalar::to_json(&text, is_plain, tag.as_ref().map(|tag| tag.suffix.as_str()));
                if self.awaits_key() {
                    return self.add_key(&text, &json, is_plain && anchor == 0 && tag.is_none(), anchor, line);
                }
                self.add_node(json, anchor, line)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).copied().flatten() {
                Some(id) if self.awaits_key() => {
                    let Content::Scalar(json) = &self.tree.node(id).content else {
                        return Err(Fault::Key { line });
                    };
                    let json = json.clone();
                    self.add_key(&scalar::key_text(&json), &json, false, 0, line)
                }
                Some(id) => self.add_element(id, line),
                None => Err(Fault::Alias { line }),
            },
            Event::SequenceStart(anchor, tag) => self.open(anchor, tag.as_deref(), line, Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => self.open(anchor, tag.as_deref(), line, Content::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.close(line),
            _ => Ok(()),
        }
    }

    fn add_node(&mut self, json: String, anchor: usize, line: usize) -> Result<(), Fault> {
        let id = self.tree.add(line, Content::Scalar(json));
        if anchor != 0 {
            self.anchors.insert(anchor, Some(id));
        }
        self.add_element(id, line)
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, line: usize, content: Content) -> Result<(), Fault> {
        check_tag(tag, line)?;
        if self.awaits_key() {
            return Err(Fault::Key { line });
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Fault::TooDeep { line });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { anchor, line, content, key: None });
        Ok(())
    }

    fn close(&mut self, line: usize) -> Result<(), Fault> {
        let Some(Open { anchor, line: first_line, content, .. }) = self.open.pop() else {
            return Err(Fault::SeveralDocuments { line });
        };
        let id = self.tree.add(first_line, content);
        if anchor != 0 {
            self.anchors.insert(anchor, Some(id));
        }
        self.add_element(id, first_line)
    }

    /// Adds a node to the map or list that is open.
    fn add_element(&mut self, id: Id, line: usize) -> Result<(), Fault> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Fault::TooManyValues { line });
        }
        let mut element = Element { id, line, key_line: line };
        match self.open.last_mut() {
            None => {
                self.tree.root = id;
                self.has_root = true;
            }
            Some(Open { content: Content::Map(entries), key, .. }) => match key.take() {
                Some((key, key_line)) => {
                    element.key_line = key_line;
                    entries.push((key, element));
                }
                None => return Err(Fault::Key { line }),
            },
            Some(Open { content: Content::List(elements), .. }) => elements.push(element),
            Some(_) => {}
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map(_), key: None, .. }))
    }

    fn add_key(&mut self, text: &str, json: &str, is_bare: bool, anchor: usize, line: usize) -> Result<(), Fault> {
        if text == "<<" && !is_bare {
            return Err(Fault::MergeKey { line });
        }
        if anchor != 0 {
            let id = self.tree.add(line, Content::Scalar(json.to_owned()));
            self.anchors.insert(anchor, Some(id));
        }
        if let Some(open) = self.open.last_mut() {
            let key = if text == "<<" { Key::Merge } else { Key::Text(scalar::key_text(json)) };
            open.key = Some((key, line));
        }
        Ok(())
    }
}

/// Rejects tags that not all parsers treat alike.
fn check_tag(tag: Option<&Tag>, line: usize) -> Result<(), Fault> {
    const TAGS: [&str; 7] = ["str", "int", "bool", "float", "null", "map", "seq"];
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && TAGS.contains(&&*tag.suffix)) => {
            Err(Fault::Tag { line, tag: format!("{}{}", tag.handle, tag.suffix) })
        }
        _ => Ok(()),
    }
}
