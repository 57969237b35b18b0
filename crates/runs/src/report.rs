//! How a run went, as one page of HTML.
//!
//! One file without anything beside it: no script, no font, no address. It is read from a disk, on a telephone, in the
//! dark, on paper and by a screen reader, and by somebody who cannot tell red from green.

mod calibration;
mod classes;
mod confusion;
mod curves;
mod mistakes;
mod page;
mod summary;

use efficientnet_data::RgbImage8;

use crate::journal::Entry;
use crate::scores::Tally;

/// What a page shows. Whatever is missing or empty is left out of it.
#[derive(Debug, Clone, Default)]
pub struct Report<'a> {
    /// The heading.
    pub title: &'a str,
    /// The command that made the run, to be typed again.
    pub command: &'a str,
    /// The recipe's text.
    pub recipe: &'a str,
    /// Names and values of what the run depended on: device, threads, versions, commit, data.
    pub environment: &'a [(String, String)],
    /// The run's journal.
    pub journal: &'a [Entry],
    /// What a clock said.
    pub times: Times,
    /// The evaluation at the end.
    pub evaluation: Option<Evaluation<'a>>,
    /// Names of the classes; one that has no name here is called by its number.
    pub classes: &'a [String],
    /// What a simpler method gets on the same images.
    pub baseline: Option<Baseline<'a>>,
}

/// What a clock said of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    /// The whole run, in seconds.
    pub seconds: Option<f64>,
    /// Training images a second.
    pub images_per_second: Option<f64>,
}

/// The evaluation at the end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// What was evaluated on what, as in `averaged weights on the test images`.
    pub what: &'a str,
    /// The results.
    pub tally: &'a Tally,
    /// The worst mistakes, worst first.
    pub mistakes: &'a [Mistake],
}

/// An image that was taken for something else.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// Its name, as a path below the data set.
    pub name: String,
    /// Its class.
    pub label: usize,
    /// What it was taken for.
    pub predicted: usize,
    /// The probability of that, 0 to 1.
    pub confidence: f32,
    /// The image in any size; the page has it small.
    pub picture: Option<RgbImage8>,
}

/// What a simpler method gets on the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline<'a> {
    /// The method, as in `a linear model`.
    pub name: &'a str,
    /// Its top-1, 0 to 1.
    pub top1: f64,
}

impl Report<'_> {
    /// The page.
    pub fn to_html(&self) -> String {
        page::page(self)
    }

    /// The name of a class.
    fn class(&self, class: usize) -> String {
        self.classes.get(class).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| class.to_string())
    }
}

#[cfg(test)]
mod tests;
