//! Writes a YAML tree as JSON, with merge keys applied as `kubectl` applies them.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::json;

use super::super::MAX_DEPTH;
use super::Fault;
use super::tree::{Content, Element, Id, Key, Tree};

/// The maximum number of bytes that aliases may add to a document.
const MAX_EXPANSION: usize = 8 << 20;

/// The maximum number of bytes of JSON for a byte of YAML: a line break in a text, and the one that keeps lines aligned.
const MAX_ESCAPE: usize = 3;

/// The maximum number of entries that are merged into maps, and of maps that they come from.
const MAX_MERGED: usize = 1 << 18;

/// The entries of a map with those that it merges.
type Entries<'t> = Rc<Vec<(&'t str, Element)>>;

/// Writes a tree as JSON that begins after some lines. `length` is that of the YAML.
pub(super) fn to_json(tree: &Tree, length: usize, lines_before: usize) -> Result<Vec<u8>, Fault> {
    let limit = length * MAX_ESCAPE + MAX_EXPANSION;
    let mut writer =
        Writer { tree, merged: HashMap::new(), merge_count: 0, limit, json: Vec::new(), line: lines_before + 1 };
    let root = tree.root();
    let line = tree.node(root).line;
    writer.write(Element { id: root, line, key_line: line }, 0)?;
    Ok(writer.json)
}

struct Writer<'t> {
    tree: &'t Tree,
    /// The entries of the maps that have been merged into others, so that each is put together once.
    merged: HashMap<Id, Entries<'t>>,
    /// The number of entries that have been merged, and of maps that they came from.
    merge_count: usize,
    limit: usize,
    json: Vec<u8>,
    /// The line that is being written.
    line: usize,
}

impl<'t> Writer<'t> {
    fn write(&mut self, element: Element, depth: usize) -> Result<(), Fault> {
        let Element { id, line, .. } = element;
        self.move_to(line);
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep { line });
        }
        if self.json.len() > self.limit {
            return Err(Fault::TooMuch { line });
        }
        let tree = self.tree;
        match &tree.node(id).content {
            Content::Scalar(text) => self.json.extend(text.as_bytes()),
            Content::List(elements) => {
                self.json.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    self.separate(index);
                    self.write(*element, depth + 1)?;
                }
                self.json.push(b']');
            }
            Content::Map(_) => {
                self.json.push(b'{');
                for (index, (key, element)) in self.entries(element, 0)?.iter().enumerate() {
                    self.separate(index);
                    self.move_to(element.key_line);
                    self.json.extend(json!(key).to_string().into_bytes());
                    self.json.push(b':');
                    self.write(*element, depth + 1)?;
                }
                self.json.push(b'}');
            }
        }
        Ok(())
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.json.push(b',');
        }
    }

    /// Writes line breaks up to a line. What is used again on a later line stays on that line.
    fn move_to(&mut self, line: usize) {
        while self.line < line {
            self.json.push(b'\n');
            self.line += 1;
        }
    }

    /// Returns the entries of a map. Those of a `<<` are replaced by keys that follow it.
    fn entries(&mut self, element: Element, depth: usize) -> Result<Entries<'t>, Fault> {
        let Element { id, line, .. } = element;
        if let Some(entries) = self.merged.get(&id) {
            return Ok(entries.clone());
        }
        let tree = self.tree;
        let Content::Map(own) = &tree.node(id).content else {
            return Err(Fault::Merge { line });
        };
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep { line });
        }
        let mut entries = Merging::default();
        for (key, value) in own {
            match key {
                Key::Text(key) => entries.set(key, *value)?,
                Key::Merge => {
                    // Of several maps, the first wins.
                    for map in self.merged_maps(*value)?.into_iter().rev() {
                        let others = self.entries(map, depth + 1)?;
                        self.merge_count += others.len() + 1;
                        if self.merge_count > MAX_MERGED {
                            return Err(Fault::TooMuch { line });
                        }
                        entries.merge(&others, value.line)?;
                    }
                }
            }
        }
        let entries = Rc::new(entries.finish());
        if depth > 0 {
            self.merged.insert(id, entries.clone());
        }
        Ok(entries)
    }

    fn merged_maps(&self, value: Element) -> Result<Vec<Element>, Fault> {
        match &self.tree.node(value.id).content {
            Content::Map(_) => Ok(vec![value]),
            Content::List(maps) => Ok(maps.clone()),
            Content::Scalar(_) => Err(Fault::Merge { line: value.line }),
        }
    }
}

/// The entries of a map while others are merged into it.
#[derive(Default)]
struct Merging<'t> {
    /// `None` for a merged entry that the map itself replaces.
    list: Vec<Option<(&'t str, Element)>>,
    /// The index of each key, and whether the map itself sets it.
    keys: HashMap<&'t str, (usize, bool)>,
}

impl<'t> Merging<'t> {
    /// Sets a key of the map itself.
    fn set(&mut self, key: &'t str, value: Element) -> Result<(), Fault> {
        match self.keys.insert(key, (self.list.len(), true)) {
            Some((_, true)) => return Err(Fault::KeyTwice { line: value.line, key: key.to_owned() }),
            // It replaces the merged key, at its own position, so that lines stay in order.
            Some((index, false)) => self.list[index] = None,
            None => {}
        }
        self.list.push(Some((key, value)));
        Ok(())
    }

    /// Adds the entries of another map on a line. They replace those of maps that were merged before.
    fn merge(&mut self, others: &[(&'t str, Element)], line: usize) -> Result<(), Fault> {
        for (key, value) in others {
            let value = Element { line, key_line: line, ..*value };
            match self.keys.get(key) {
                Some((_, true)) => return Err(Fault::MergeOrder { line, key: (*key).to_owned() }),
                Some((index, false)) => self.list[*index] = Some((key, value)),
                None => {
                    self.keys.insert(key, (self.list.len(), false));
                    self.list.push(Some((key, value)));
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Vec<(&'t str, Element)> {
        self.list.into_iter().flatten().collect()
    }
}
