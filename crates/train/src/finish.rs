//! The page that a run leaves behind.

use efficientnet_data::{Content, DecodeOptions, RgbImage8, Source};
use efficientnet_runs::folder::{Environment, RunFolder};
use efficientnet_runs::journal::{self, Time};
use efficientnet_runs::report::{Baseline, Evaluation as Shown, Mistake, Report, Times};
use efficientnet_runs::scores::worst;

use crate::TrainError;
use crate::evaluate::Evaluation;

/// The page's name in a run's folder.
pub const REPORT: &str = "report.html";
/// Mistakes that are shown.
const MISTAKES: usize = 24;

/// What a report is made from, beside the folder's own files.
pub(crate) struct Page<'a> {
    pub title: &'a str,
    pub recipe: &'a str,
    pub environment: &'a Environment,
    pub classes: &'a [String],
    /// Where the evaluated images are from.
    pub source: Option<&'a dyn Source>,
    pub what: &'a str,
    pub evaluation: Option<&'a Evaluation>,
    pub baseline: Option<Baseline<'a>>,
}

/// Writes the page into the run's folder.
pub(crate) fn write(run: &RunFolder, page: &Page) -> Result<(), TrainError> {
    let journal = journal::read(&run.path().join("journal.jsonl"))?;
    let times = journal::read_times(&run.path().join("times.jsonl"))?;
    let mistakes = match (page.evaluation, page.source) {
        (Some(evaluation), Some(source)) => mistakes(evaluation, source),
        _ => Vec::new(),
    };
    let report = Report {
        title: page.title,
        command: &page.environment.command.join(" "),
        recipe: page.recipe,
        environment: &page.environment.facts(),
        journal: &journal,
        times: summary(&times),
        evaluation: page.evaluation.map(|evaluation| Shown {
            what: page.what,
            tally: &evaluation.tally,
            mistakes: &mistakes,
        }),
        classes: page.classes,
        baseline: page.baseline,
    };
    Ok(run.write(REPORT, report.to_html().as_bytes())?)
}

fn mistakes(evaluation: &Evaluation, source: &dyn Source) -> Vec<Mistake> {
    let outcomes: Vec<_> = evaluation.outcomes.iter().map(|(_, outcome)| outcome.clone()).collect();
    let shown = |place: usize| {
        let (sample, outcome) = &evaluation.outcomes[place];
        Some(Mistake {
            name: source.key(*sample).into_owned(),
            label: outcome.label,
            predicted: outcome.predicted()?,
            confidence: outcome.confidence,
            picture: picture(source, *sample),
        })
    };
    worst(&outcomes, MISTAKES).into_iter().filter_map(shown).collect()
}

/// The image itself; a page without one picture is better than none.
fn picture(source: &dyn Source, sample: usize) -> Option<RgbImage8> {
    match source.read(sample).ok()? {
        Content::Pixels(image) => Some(image),
        Content::File(bytes) => DecodeOptions::default().decode_bytes(&bytes, &source.key(sample)).ok(),
    }
}

fn summary(times: &[Time]) -> Times {
    let mut paces: Vec<f64> = times.iter().map(|time| time.images_per_second).collect();
    paces.sort_by(f64::total_cmp);
    Times {
        seconds: times.last().map(|time| time.seconds),
        images_per_second: paces.get(paces.len() / 2).copied(),
    }
}
