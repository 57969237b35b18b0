//! From text to a plan, with the place of whatever is wrong.
//!
//! Keys are looked at before values, so that a misspelt key is not reported as the missing one it was meant to be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use efficientnet_runs::document::{Place, one_line, plain};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::baselines::Beside;
use super::error::{PlanError, Problem};
use super::{Document, Plan, Task, keys};

/// Largest file that is read: a plan is a page of text.
const MOST_BYTES: u64 = 1 << 20;
const TASKS: [&str; 3] = ["compare", "coefficients", "evolve"];

impl Plan {
    /// Reads a file, and those beside it that it names, and checks that everything fits together.
    ///
    /// # Errors
    /// [`PlanError`] with the line, the key and what was expected.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PlanError> {
        let path = path.as_ref();
        let shown = path.display().to_string();
        let text = read(path).map_err(|reason| PlanError::Read { path: shown.clone(), reason })?;
        Self::parse(&text, &shown, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a plan's text; `origin` is what errors call it, and the files that it names are looked for in `dir`.
    ///
    /// # Errors
    /// As [`Plan::open`].
    pub fn parse(text: &str, origin: &str, dir: &Path) -> Result<Self, PlanError> {
        let reader = Reader::new(text, origin)?;
        reader.check_keys()?;
        let document = reader.document()?;
        let plan = Self::try_from_document(document, dir);
        plan.map_err(|problem| reader.locate(problem))
    }

    /// Checks what the types do not say, as reading a file does.
    ///
    /// # Errors
    /// [`PlanError::Key`] with the key and what was expected.
    pub fn check(&self) -> Result<(), PlanError> {
        self.problem().map_err(|problem| problem.of(&self.name))
    }

    fn try_from_document(document: Document, dir: &Path) -> Result<Self, Problem> {
        let beside = Beside::read(&document, dir)?;
        let Document { name, about, baseline, cost, multiple, proxy, compare, coefficients, evolve } =
            document;
        let task = match (compare, coefficients, evolve) {
            (Some(compare), None, None) => Task::Compare(compare),
            (None, Some(coefficients), None) => Task::Coefficients(coefficients),
            (None, None, Some(evolve)) => Task::Evolve(evolve),
            (None, None, None) => {
                let message =
                    "a plan has one of the tables `compare`, `coefficients` and `evolve`, and here is none";
                return Err(Problem { key: String::new(), message: message.to_string() });
            }
            _ => return Err(Problem { key: TASKS[0].to_string(), message: two_tasks() }),
        };
        let plan = Self { name, about, baseline, cost, multiple, proxy, task, beside };
        plan.problem()?;
        Ok(plan)
    }
}

fn two_tasks() -> String {
    "a plan has exactly one of the tables `compare`, `coefficients` and `evolve`; make a plan of each"
        .to_string()
}

/// A page of text, or why there is none.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes, and it should be a page of text"));
    }
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_string())
}

/// A plan's text with the places of its keys.
struct Reader<'a> {
    text: &'a str,
    origin: &'a str,
    /// Each key with its tables; where it stands, and where its value does.
    entries: BTreeMap<String, Entry>,
}

struct Entry {
    key: Range<usize>,
    value: Range<usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, origin: &'a str) -> Result<Self, PlanError> {
        let mut reader = Self { text, origin, entries: BTreeMap::new() };
        let root = DeTable::parse(text).map_err(|error| reader.syntax(&error))?;
        reader.enter("", root.get_ref());
        Ok(reader)
    }

    fn enter(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let dot = if prefix.is_empty() { "" } else { "." };
            let name = format!("{prefix}{dot}{}", key.get_ref());
            self.add(&name, key.span(), value);
        }
    }

    fn add(&mut self, name: &str, key: Range<usize>, value: &toml::Spanned<DeValue<'_>>) {
        self.entries.insert(name.to_string(), Entry { key, value: value.span() });
        if let Some(table) = value.get_ref().as_table() {
            self.enter(name, table);
        }
        for (index, value) in
            value.get_ref().as_array().into_iter().flat_map(|array| array.iter().enumerate())
        {
            self.add(&format!("{name}[{index}]"), value.span(), value);
        }
    }

    fn check_keys(&self) -> Result<(), PlanError> {
        let named = self.entries.iter().filter(|(name, _)| !name.ends_with(']'));
        let strangers = named.filter_map(|(name, entry)| Some((keys::unknown(name)?, entry.key.start)));
        if let Some((problem, start)) = strangers.min_by_key(|(_, start)| *start) {
            return Err(problem.at(self.origin, Some(Place::of(self.text, start))));
        }
        // Which of the tables is too many nobody knows; the last one was perhaps forgotten.
        let tasks = TASKS.iter().filter_map(|task| self.entries.get(*task).map(|entry| entry.key.start));
        let tasks: Vec<usize> = tasks.collect();
        match tasks.iter().max().filter(|_| tasks.len() > 1) {
            Some(start) => {
                let problem = Problem { key: String::new(), message: two_tasks() };
                Err(problem.at(self.origin, Some(Place::of(self.text, *start))))
            }
            None => Ok(()),
        }
    }

    fn document(&self) -> Result<Document, PlanError> {
        let parsed = toml::Deserializer::parse(self.text).map_err(|error| self.syntax(&error))?;
        Document::deserialize(parsed).map_err(|error| self.of_type(&error))
    }

    /// The problem at the place of its key's value, or of the nearest table that holds it.
    fn locate(&self, problem: Problem) -> PlanError {
        let mut name = problem.key.as_str();
        let place = loop {
            if let Some(entry) = self.entries.get(name) {
                break Some(Place::of(self.text, entry.value.start));
            }
            match name.rfind(['.', '[']) {
                Some(end) => name = &name[..end],
                None => break None,
            }
        };
        problem.at(self.origin, place)
    }

    /// What serde says of a value, with the key that it belongs to.
    fn of_type(&self, error: &toml::de::Error) -> PlanError {
        let span = error.span().unwrap_or_default();
        let holds = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        let of_key = |(_, entry): &(&String, &Entry)| holds(&entry.value) || holds(&entry.key);
        // A table's value holds those of its keys, whose names are longer.
        let found = self.entries.iter().filter(of_key).max_by_key(|(name, _)| name.len());
        let (name, start) = found.map_or(("", 0), |(name, entry)| (name.as_str(), entry.value.start));
        let place = found.map(|_| Place::of(self.text, start.max(span.start)));
        let missing = error.message().strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let problem = match missing {
            Some(key) => {
                let dot = if name.is_empty() { "" } else { "." };
                Problem::new(format!("{name}{dot}{key}"), "is missing, and has no default")
            }
            None => Problem::new(name, plain(error.message())),
        };
        problem.at(self.origin, place)
    }

    fn syntax(&self, error: &toml::de::Error) -> PlanError {
        let place = Place::of(self.text, error.span().map_or(self.text.len(), |span| span.start));
        PlanError::Syntax { origin: self.origin.to_string(), place, reason: one_line(error.message()) }
    }
}
