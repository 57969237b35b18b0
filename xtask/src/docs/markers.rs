//! Finds the generated parts of a Markdown file and puts new ones in their place.

use crate::error::{Error, Result};

const START: &str = "<!-- generated:";
const END: &str = "<!-- /generated -->";

/// The first line of a generated part: a name and `key=value` arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker<'a> {
    /// What makes the part.
    pub name: &'a str,
    arguments: Vec<(&'a str, &'a str)>,
}

impl<'a> Marker<'a> {
    /// Reads the inside of a marker, such as `models columns=name,params`.
    fn parse(text: &'a str) -> std::result::Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or("a marker has no name")?;
        let arguments = words
            .map(|word| word.split_once('=').ok_or_else(|| format!("`{word}` is not written as key=value")))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { name, arguments })
    }

    /// An argument.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.arguments.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// An argument that is a list with commas; empty where it is absent.
    pub fn list(&self, key: &str) -> Vec<&'a str> {
        self.get(key)
            .map_or_else(Vec::new, |value| value.split(',').filter(|part| !part.is_empty()).collect())
    }

    /// Fails on an argument that is none of these.
    pub fn allow(&self, keys: &[&str]) -> Result<()> {
        match self.arguments.iter().find(|(name, _)| !keys.contains(name)) {
            Some((name, _)) => Err(Error::usage(format!(
                "`{}` takes no argument `{name}`: there are {}",
                self.name,
                keys.join(", ")
            ))),
            None => Ok(()),
        }
    }
}

/// `text` with each generated part replaced by what `generate` makes for its marker. Markers inside a fenced block of
/// code are an example and left alone.
pub fn rewrite(text: &str, generate: &mut dyn FnMut(&Marker<'_>) -> Result<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    // The line number of the marker whose end is looked for.
    let mut open: Option<usize> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (number, trimmed) = (index + 1, line.trim());
        let at = |message: String| Error::usage(format!("line {number}: {message}"));
        if open.is_some() {
            if trimmed.starts_with(START) {
                return Err(at("a generated part begins inside another".into()));
            }
            if trimmed == END {
                out.push_str(line);
                open = None;
            }
            continue;
        }
        out.push_str(line);
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
            fence = match fence {
                None => Some(mark),
                Some(opened) if opened == mark => None,
                other => other,
            };
        }
        if fence.is_some() {
            continue;
        }
        if trimmed == END {
            return Err(at("a generated part ends that has not begun".into()));
        }
        if let Some(rest) = trimmed.strip_prefix(START) {
            let inside =
                rest.strip_suffix("-->").ok_or_else(|| at("the marker has no `-->` on its line".into()))?;
            let marker = Marker::parse(inside).map_err(at)?;
            let made = generate(&marker)
                .map_err(|error| Error { message: format!("line {number}: {}", error.message), ..error })?;
            if !line.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(made.trim_end());
            out.push('\n');
            open = Some(number);
        }
    }
    match open {
        Some(number) => Err(Error::usage(format!("line {number}: the generated part has no `{END}`"))),
        None => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String> {
        rewrite(text, &mut |marker| {
            Ok(format!("made by {} {}", marker.name, marker.list("columns").join("+")))
        })
    }

    #[test]
    fn the_old_part_is_replaced_and_the_rest_kept() {
        let text = "# A\n\n<!-- generated: models columns=a,b -->\nold\nolder\n<!-- /generated -->\nend";
        let new = run(text).unwrap();
        assert_eq!(
            new,
            "# A\n\n<!-- generated: models columns=a,b -->\nmade by models a+b\n<!-- /generated -->\nend"
        );
        assert_eq!(run(&new).unwrap(), new);
    }

    #[test]
    fn several_parts_and_none() {
        let text =
            "<!-- generated: a -->\n<!-- /generated -->\nx\n<!-- generated: b -->\ny\n<!-- /generated -->\n";
        let new = run(text).unwrap();
        assert_eq!(new.matches("made by").count(), 2);
        assert_eq!(run("nothing here\n").unwrap(), "nothing here\n");
    }

    #[test]
    fn an_example_in_a_code_block_is_left_alone() {
        let text = "```text\n<!-- generated: a -->\n<!-- /generated -->\n```\n";
        assert_eq!(run(text).unwrap(), text);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, part) in [
            ("x\n<!-- generated: a -->\n", "line 2: the generated part has no"),
            ("<!-- /generated -->\n", "line 1: a generated part ends"),
            ("<!-- generated: a -->\n<!-- generated: b -->\n", "line 2: a generated part begins inside"),
            ("<!-- generated: a\n", "line 1: the marker has no"),
            ("<!-- generated: -->\n", "line 1: a marker has no name"),
            ("<!-- generated: a b -->\n", "`b` is not written as key=value"),
        ] {
            let error = run(text).unwrap_err();
            assert!(error.message.contains(part), "{text:?}: {error}");
            assert_eq!(error.code, 2);
        }
    }

    #[test]
    fn unknown_arguments_are_refused() {
        let marker = Marker::parse(" models colums=a ").unwrap();
        assert!(marker.allow(&["columns"]).unwrap_err().message.contains("`colums`"));
        assert!(marker.allow(&["colums"]).is_ok());
    }
}
