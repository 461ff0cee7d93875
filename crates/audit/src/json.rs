//! JSON files, which may hold several documents one after another.

use serde_json::Value;

use crate::document::{Document, Origin, Problem, without_positions};

/// A text that is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("is not valid JSON: {}", without_positions(&.0.to_string()))]
struct InvalidJson(#[source] serde_json::Error);

/// Reads the documents of a JSON file, up to the first malformed one.
pub(crate) fn documents(file: &str, text: &str) -> Vec<Result<Document, Problem>> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut documents = Vec::new();
    let (mut line, mut counted) = (1, 0);
    loop {
        let rest = &text[stream.byte_offset()..];
        let start = text.len() - rest.trim_start().len();
        line += text[counted..start].matches('\n').count();
        counted = start;
        match stream.next() {
            None => return documents,
            Some(Ok(object)) => documents.push(Ok(Document { origin: Origin::line(file, line), object })),
            Some(Err(error)) => {
                documents.push(Err(Origin::line(file, error.line()).problem(InvalidJson(error))));
                return documents;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_documents_that_follow_each_other() {
        let read = documents("f.json", "{\"a\": 1}\n\n{\"b\": 2}\n{\n");
        let lines = read.iter().map(|document| match document {
            Ok(document) => document.origin.line,
            Err(problem) => problem.line(),
        });
        assert_eq!(lines.collect::<Vec<_>>(), [Some(1), Some(3), Some(5)]);
        assert!(read[2].is_err());
    }
}
