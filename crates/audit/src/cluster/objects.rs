//! The objects of a cluster, one by one.

use std::collections::VecDeque;

use json_scan::{Reader, optional_str};
use kube::api::{ListParams, Request};

use super::page::Page;
use super::{Cluster, ListError, Resource, Selection};
use crate::document::{Document, Origin, Problem};
use crate::input::JsonStream;

/// The maximum number of objects in a page. A longer page takes more of the API server's memory.
const PAGE_LENGTH: u32 = 500;

/// The objects of a cluster, kind by kind. A list that cannot be read yields a problem instead.
pub struct Objects {
    cluster: Cluster,
    selection: Selection,
    /// The resources that have not been requested yet.
    resources: VecDeque<Resource>,
    /// The page that is being read.
    reading: Option<(Position, JsonStream)>,
    /// The page after it, once it has been requested.
    requested: Option<(Position, Page)>,
    /// The objects of the list that have been read.
    count: usize,
}

/// The position of a page among all pages.
struct Position {
    resource: Resource,
    /// The token of the page; `None` for the first page of a list.
    continue_token: Option<String>,
    /// Whether the list continues here with another state of the cluster.
    is_restart: bool,
}

impl Objects {
    pub(super) fn new(cluster: Cluster, selection: Selection) -> Self {
        let mut resources: VecDeque<Resource> = VecDeque::new();
        for resource in Resource::known().chain(selection.resources.iter().cloned()) {
            let is_selected = selection.namespace.is_none() || resource.is_namespaced();
            if is_selected && !resources.iter().any(|other| other.is_same_kind(&resource)) {
                resources.push_back(resource);
            }
        }
        // Nodes come first: the checks across objects then keep nothing of the pods on ordinary nodes.
        resources.make_contiguous().sort_by_key(Resource::is_namespaced);
        Self { cluster, selection, resources, reading: None, requested: None, count: 0 }
    }

    /// Reads the next object of the page. `None` if there is no page, or at its end.
    fn read(&mut self) -> Option<Result<Document, Problem>> {
        let (_, page) = self.reading.as_mut()?;
        let object = page.next();
        self.request_next();
        match object {
            Some(Ok(object)) if !object.origin.item.is_empty() => {
                self.count += 1;
                Some(Ok(object))
            }
            object => {
                let (position, page) = self.reading.take()?;
                match object {
                    Some(Err(problem)) => Some(Err(problem)),
                    None if page.list_metadata().is_some() => None,
                    _ => Some(Err(self.cluster.origin(&position.resource).problem(ListError::NotAList))),
                }
            }
        }
    }

    /// Requests the page that follows, as soon as its token is known.
    fn request_next(&mut self) {
        if self.requested.is_some() {
            return;
        }
        let Some((position, page)) = &self.reading else { return };
        let Some(metadata) = page.list_metadata() else { return };
        let next = match continue_token(metadata) {
            None => self.resources.pop_front().map(Position::first),
            token => Some(Position { resource: position.resource.clone(), continue_token: token, is_restart: false }),
        };
        self.requested = next.map(|position| self.request(position));
    }

    fn request(&self, position: Position) -> (Position, Page) {
        let parameters = ListParams {
            label_selector: self.selection.selector.clone(),
            limit: Some(PAGE_LENGTH),
            continue_token: position.continue_token.clone(),
            ..ListParams::default()
        };
        let request = Request::new(position.resource.path(self.selection.namespace.as_deref())).list(&parameters);
        let page = Page::request(&self.cluster, &position.resource, request);
        (position, page)
    }

    /// Waits for the next page. `None` if there is none.
    fn open(&mut self) -> Option<Result<(), Problem>> {
        if self.requested.is_none() {
            let first = self.resources.pop_front().map(Position::first);
            self.requested = first.map(|first| self.request(first));
        }
        let (position, mut page) = self.requested.take()?;
        if position.continue_token.is_none() {
            self.count = 0;
        }
        let origin = self.cluster.origin(&position.resource);
        match page.wait() {
            Ok(()) => self.reading = Some((position, JsonStream::of_page(origin, self.count, Box::new(page)))),
            Err(ListError::Expired { continue_token: token @ Some(_) }) if !position.is_restart => {
                let restart = Position { continue_token: token, is_restart: true, ..position };
                self.requested = Some(self.request(restart));
            }
            Err(error) => {
                if error.ends_all() {
                    self.resources.clear();
                }
                return Some(Err(origin.problem(error)));
            }
        }
        Some(Ok(()))
    }
}

impl Iterator for Objects {
    type Item = Result<Document, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.read() {
                return Some(object);
            }
            if let Err(problem) = self.open()? {
                return Some(Err(problem));
            }
        }
    }
}

impl Position {
    /// Returns the position of a list's first page.
    fn first(resource: Resource) -> Self {
        Self { resource, continue_token: None, is_restart: false }
    }
}

impl Cluster {
    fn origin(&self, resource: &Resource) -> Origin {
        Origin::file(&format!("{} {resource}", self.context))
    }
}

/// Returns the token of the next page from a list's metadata.
fn continue_token(metadata: &[u8]) -> Option<String> {
    let [token] = Reader::new(metadata).pick(["continue"]).ok()?;
    optional_str(token, "continue").ok()?.filter(|token| !token.is_empty()).map(String::from)
}
