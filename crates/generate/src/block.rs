//! Blocks of generated lines between two marker lines of a file.

/// A part of a file that is generated.
///
/// It is between a line with `begin generated: NAME;` and a line with `end generated: NAME`, which are comments in the
/// file's own syntax.
pub(crate) struct Block {
    pub(crate) name: &'static str,
    pub(crate) render: fn() -> String,
}

/// The marker line that a file lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("has no line with {marker:?}; restore the marker lines of the generated block")]
pub struct MarkerError {
    marker: String,
}

impl Block {
    /// Replaces the lines between the markers, and indents the new ones as the first marker is.
    pub(crate) fn write_into(&self, text: &str) -> Result<String, MarkerError> {
        let begin = find(text, format!("begin generated: {};", self.name))?;
        let (before, rest) = text.split_at(line_end(text, begin));
        let end = find(rest, format!("end generated: {}", self.name))?;
        let after = &rest[line_start(rest, end)..];
        let marker_line = &before[line_start(text, begin)..];
        let indent = &marker_line[..marker_line.len() - marker_line.trim_start().len()];
        Ok(before.to_owned() + &indented(&(self.render)(), indent) + after)
    }
}

fn find(text: &str, marker: String) -> Result<usize, MarkerError> {
    text.find(&marker).ok_or(MarkerError { marker })
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Indents all lines that are not empty.
fn indented(lines: &str, indent: &str) -> String {
    lines.lines().fold(String::new(), |text, line| match line {
        "" => text + "\n",
        line => text + indent + line + "\n",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block = Block { name: "x", render: || "new\n\nlines\n".to_owned() };

    #[test]
    fn replaces_the_lines_between_the_markers() {
        let text = "head\n  # begin generated: x; how\nold\n  # end generated: x\ntail";
        assert_eq!(
            BLOCK.write_into(text).unwrap(),
            "head\n  # begin generated: x; how\n  new\n\n  lines\n  # end generated: x\ntail"
        );
    }

    #[test]
    fn leaves_its_own_output_unchanged() {
        let text = BLOCK.write_into("<!-- begin generated: x; how -->\n<!-- end generated: x -->\n").unwrap();
        assert_eq!(BLOCK.write_into(&text).unwrap(), text);
    }

    #[test]
    fn names_the_missing_marker() {
        for (text, marker) in [
            ("", "begin generated: x;"),
            ("# begin generated: xy; how\n# end generated: xy\n", "begin generated: x;"),
            ("# begin generated: x; how\n", "end generated: x"),
        ] {
            assert_eq!(BLOCK.write_into(text), Err(MarkerError { marker: marker.to_owned() }));
        }
    }
}
