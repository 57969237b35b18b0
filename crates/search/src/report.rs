//! What a search came to, for people: one page of HTML with everything in it, the same figures as files of SVG, all trials as
//! CSV and all numbers as JSON.
//!
//! Every sentence with a result in it is made from the analysis, so it cannot say more than the numbers do. A search that is
//! not at its end has a page, too, which says so.

mod accuracy;
mod evolution;
mod figure;
mod folder;
mod landscape;
mod lines;
mod page;
mod paper;
mod seeds;
mod table;
mod words;

use std::io;
use std::path::{Path, PathBuf};

use efficientnet_data::write_atomically;

use crate::analysis::{Analysis, Material};
use figure::Figure;
pub use folder::{ReportError, write, write_with};

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Plan, networks, journal.
    pub material: Material<'a>,
    /// The plan as text, with every default said.
    pub plan_text: &'a str,
    /// Names and values of what the search depended on: device, versions, data.
    pub environment: &'a [(String, String)],
    /// Trials of the whole search, as far as one can say; none where nobody knows.
    pub planned: Option<u64>,
}

/// A report's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// Everything else.
    pub files: Vec<PathBuf>,
}

/// Writes a report's files into a folder, each of them whole.
///
/// # Errors
/// Those of writing.
pub fn write_files(dir: &Path, source: &Source<'_>) -> io::Result<Written> {
    let mut files = Vec::new();
    for (name, text) in files_of(source).map_err(io::Error::other)? {
        let path = dir.join(name);
        write_atomically(&path, |out| out.write_all(text.as_bytes()))?;
        files.push(path);
    }
    let page = files.remove(0);
    Ok(Written { page, files })
}

/// Names and contents, the page first.
fn files_of(source: &Source<'_>) -> Result<Vec<(String, String)>, String> {
    let analysis = Analysis::of(&source.material);
    let figures = figures(source, &analysis);
    let mut files = vec![("report.html".to_string(), page::page(source, &analysis, &figures))];
    files.push(("trials.csv".to_string(), table::csv(&source.material)?));
    let numbers = serde_json::to_string_pretty(&analysis).map_err(|error| error.to_string())?;
    files.push(("analysis.json".to_string(), numbers + "\n"));
    files.extend(figures.into_iter().map(|figure| (format!("{}.svg", figure.name), figure.svg)));
    Ok(files)
}

/// Those that there are numbers for.
fn figures(source: &Source<'_>, analysis: &Analysis) -> Vec<Figure> {
    [
        accuracy::accuracy(source, analysis),
        lines::lines(source, analysis),
        paper::figure(source),
        lines::differences(analysis),
        landscape::landscape(analysis),
        evolution::best_so_far(analysis),
        evolution::fronts(source, analysis),
        seeds::seeds(analysis),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests;
