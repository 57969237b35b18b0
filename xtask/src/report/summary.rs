//! What the rows say, in order and in sentences; the page and the Markdown show the same.
//!
//! Sentences mark names with `backticks`, which both know how to show.

use super::Run;
use super::number::{difference, ms, range};
use crate::backend::Backend;
use crate::compare::row::{Agreement, Kind, Measure, Row, Status};

/// Below this ratio two times are called level.
const LEVEL: f64 = 1.05;

/// The measurements of one network.
#[derive(Debug, Clone)]
pub struct Model<'a> {
    /// Its name.
    pub name: &'a str,
    /// One group a batch size, in the order that they were asked for.
    pub groups: Vec<Group<'a>>,
}

/// The rows of one network and one batch size.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// Images in a batch.
    pub batch: usize,
    /// The rows, in the order of [`Backend::ALL`].
    pub rows: Vec<&'a Row>,
}

impl<'a> Group<'a> {
    /// The row with the shortest median.
    pub fn fastest(&self) -> Option<&'a Row> {
        let timed = self.rows.iter().copied().filter(|row| row.measure.is_some());
        timed.min_by(|a, b| {
            a.ms_per_image().unwrap_or(f64::MAX).total_cmp(&b.ms_per_image().unwrap_or(f64::MAX))
        })
    }

    /// How many times as long as the fastest a row takes.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        Some(row.ms_per_image()? / self.fastest()?.ms_per_image()?)
    }

    /// The row of a backend.
    pub fn row(&self, backend: &str) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.backend == backend)
    }
}

impl<'a> Model<'a> {
    /// Any measurement, for what all share: parameters, multiply-adds, resolution.
    pub fn any(&self) -> Option<&'a Measure> {
        self.groups.iter().flat_map(|group| &group.rows).find_map(|row| row.measure.as_ref())
    }

    /// Its backends, in order.
    pub fn backends(&self) -> Vec<&'a str> {
        backends(self.groups.iter().flat_map(|group| group.rows.iter().copied()))
    }
}

/// The networks in the order of the rows; evaluations left out.
pub fn models(rows: &[Row]) -> Vec<Model<'_>> {
    let mut models: Vec<Model<'_>> = Vec::new();
    for row in rows.iter().filter(|row| row.kind == Kind::Measure) {
        let at = models.iter().position(|model| model.name == row.model).unwrap_or_else(|| {
            models.push(Model { name: &row.model, groups: Vec::new() });
            models.len() - 1
        });
        let groups = &mut models[at].groups;
        match groups.iter_mut().find(|group| group.batch == row.batch) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { batch: row.batch, rows: vec![row] }),
        }
    }
    for group in models.iter_mut().flat_map(|model| &mut model.groups) {
        group.rows.sort_by_key(|row| rank(&row.backend));
    }
    models
}

fn backends<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<&'a str> {
    let mut list = Vec::new();
    for row in rows {
        if !list.contains(&row.backend.as_str()) {
            list.push(row.backend.as_str());
        }
    }
    list.sort_by_key(|name| rank(name));
    list
}

fn rank(name: &str) -> usize {
    Backend::ALL.iter().position(|backend| backend.name() == name).unwrap_or(Backend::ALL.len())
}

/// The rows without a measurement.
pub fn failures(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.status != Status::Ok).collect()
}

/// The evaluations that worked.
pub fn evaluations(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.eval.is_some()).collect()
}

/// Whether a row ran on a Vulkan that is software, whose speed says nothing about a GPU.
pub fn is_software(row: &Row) -> bool {
    let text =
        row.measure.as_ref().and_then(|measure| measure.device_description.as_deref()).unwrap_or_default();
    let text = text.to_lowercase();
    ["swiftshader", "llvmpipe", "lavapipe"].iter().any(|name| text.contains(name))
}

/// The answer to "which backend?", in one sentence over all networks.
pub fn headline(models: &[Model<'_>]) -> String {
    let groups: Vec<&Group<'_>> = models.iter().flat_map(|model| &model.groups).collect();
    let timed: Vec<(&Group<'_>, &Row)> = groups.iter().filter_map(|g| Some((*g, g.fastest()?))).collect();
    let Some((_, first)) = timed.first() else { return "Nothing could be measured.".to_string() };
    let cases =
        if timed.len() == 1 { "the one case".to_string() } else { format!("all {} cases", timed.len()) };
    if timed.iter().any(|(_, fastest)| fastest.backend != first.backend) {
        let mut wins: Vec<(&str, usize)> = Vec::new();
        for (_, fastest) in &timed {
            match wins.iter_mut().find(|(name, _)| *name == fastest.backend) {
                Some((_, count)) => *count += 1,
                None => wins.push((&fastest.backend, 1)),
            }
        }
        wins.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), rank(name)));
        let list: Vec<String> = wins.iter().map(|(name, count)| format!("`{name}` in {count}")).collect();
        return format!("The fastest backend depends on the case: {} of {}.", join(&list), timed.len());
    }
    let seconds: Vec<(f64, &Row)> =
        timed.iter().filter_map(|(group, fastest)| second(group, fastest)).collect();
    let lead = format!("`{}` is the fastest backend in {cases}", first.backend);
    let Some((_, next)) = seconds.first() else { return format!("{lead}, and the only one measured.") };
    if seconds.iter().any(|(_, row)| row.backend != next.backend) {
        let (low, high) = extent(seconds.iter().map(|(ratio, _)| *ratio));
        return format!("{lead}; the second takes {} times as long.", range(low, high));
    }
    let (low, high) = extent(seconds.iter().map(|(ratio, _)| *ratio));
    format!("{lead}; `{}` comes next and takes {} times as long.", next.backend, range(low, high))
}

fn second<'a>(group: &Group<'a>, fastest: &Row) -> Option<(f64, &'a Row)> {
    let others = group.rows.iter().copied().filter(|row| row.backend != fastest.backend);
    others.filter_map(|row| Some((group.ratio(row)?, row))).min_by(|a, b| a.0.total_cmp(&b.0))
}

/// What there is to say of one network: the fastest backend at each batch size, and how far the others are.
pub fn finding(model: &Model<'_>) -> String {
    let timed: Vec<(&Group<'_>, &Row)> =
        model.groups.iter().filter_map(|g| Some((g, g.fastest()?))).collect();
    let Some((_, first)) = timed.first() else {
        return format!("`{}`: no backend could be measured.", model.name);
    };
    let place = model.any().map_or(String::new(), |measure| format!(" at {} px", measure.resolution));
    let time = |group: &Group<'_>, row: &Row| (ms(row.ms_per_image().unwrap_or_default()), group.batch);
    let same = timed.iter().all(|(_, fastest)| fastest.backend == first.backend);
    let times: Vec<String> = timed
        .iter()
        .enumerate()
        .map(|(index, (group, row))| {
            let (time, batch) = time(group, row);
            let unit = if index == 0 { " an image" } else { "" };
            let who = if same { String::new() } else { format!("`{}` with ", row.backend) };
            format!("{who}{time}{unit} at batch {batch}")
        })
        .collect();
    let lead = if same { format!("`{}` is fastest with ", first.backend) } else { "fastest is ".to_string() };
    let fastest = lead + &join(&times);
    let others: Vec<String> = model
        .backends()
        .into_iter()
        .filter(|name| !(same && *name == first.backend))
        .filter_map(|name| distance(name, &timed))
        .collect();
    let others = if others.is_empty() { String::new() } else { format!(" {}.", join(&others)) };
    format!("`{}`{place}: {fastest}.{others}", model.name)
}

/// "`flex` takes 2.7 to 3.0 times as long"; nothing where it was never slower or never measured.
fn distance(name: &str, timed: &[(&Group<'_>, &Row)]) -> Option<String> {
    let slower: Vec<(f64, &Row)> = timed
        .iter()
        .filter(|(_, fastest)| fastest.backend != name)
        .filter_map(|(group, _)| Some((group.ratio(group.row(name)?)?, group.row(name)?)))
        .collect();
    let (_, row) = slower.first()?;
    let (low, high) = extent(slower.iter().map(|(ratio, _)| *ratio));
    let note = if is_software(row) { " (software Vulkan)" } else { "" };
    if high < LEVEL {
        Some(format!("`{name}` is level with it{note}"))
    } else {
        Some(format!("`{name}` takes {} times as long{note}", range(low, high)))
    }
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
}

/// "a", "a and b", "a, b and c".
fn join(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

/// Whether the backends give the same answers: `None` when that was not looked at.
pub fn agreement(run: &Run, rows: &[Row]) -> Option<(bool, String)> {
    let compared: Vec<(&Row, &Agreement)> =
        rows.iter().filter_map(|row| Some((row, row.agreement()?))).collect();
    if compared.is_empty() {
        return None;
    }
    let wrong: Vec<&(&Row, &Agreement)> =
        compared.iter().filter(|(_, agreement)| !agreement.agrees()).collect();
    let worst = compared.iter().filter_map(|(_, agreement)| agreement.max_rel).fold(0.0, f64::max);
    let reference = run.reference;
    if wrong.is_empty() {
        let text = format!(
            "All {} comparisons with `{reference}` agree: the largest relative difference of a logit is {}, and {} is \
             allowed.",
            compared.len(),
            difference(Some(worst)),
            difference(Some(Agreement::TOLERANCE))
        );
        return Some((true, text));
    }
    let names: Vec<String> =
        backends(wrong.iter().map(|(row, _)| *row)).iter().map(|name| format!("`{name}`")).collect();
    let text = format!(
        "{} of {} comparisons with `{reference}` differ by more than {}: {}. Do not trust these before knowing why.",
        wrong.len(),
        compared.len(),
        difference(Some(Agreement::TOLERANCE)),
        join(&names)
    );
    Some((false, text))
}

/// What was not measured, in one sentence.
pub fn gaps(run: &Run, rows: &[Row]) -> Vec<String> {
    let mut list = Vec::new();
    if !run.complete {
        list.push(format!("Stopped early: {} of {} combinations were measured.", rows.len(), run.planned));
    }
    let failed = failures(rows);
    if !failed.is_empty() {
        let names: Vec<String> =
            backends(failed.iter().copied()).iter().map(|name| format!("`{name}`")).collect();
        list.push(format!(
            "{} of {} combinations have no result ({}).",
            failed.len(),
            rows.len(),
            join(&names)
        ));
    }
    list
}

/// How it was measured, one paragraph each.
pub fn method(run: &Run) -> Vec<String> {
    let tuned = run.features.as_deref().map(|features| features.ends_with(",tuned"));
    let tuning = match tuned {
        Some(true) => " Kernel fusion and autotuning are compiled in.",
        Some(false) => " Kernel fusion and autotuning are not compiled in.",
        None => "",
    };
    vec![
        "Each row is a fresh process of the release build. It makes the network, runs the first batch (compiling, \
         tuning and allocating included: the first call), warms up, then times whole batches one after the other. A \
         time is the median; the whiskers reach from the 10th to the 90th percentile. Nothing else is timed: the input \
         is in memory and no image is decoded."
            .to_string(),
        format!(
            "All backends get the same weights and the same input. Their logits are held against those of `{}`: the \
             largest difference, divided by the largest logit, may be {}, which is rounding.",
            run.reference,
            difference(Some(Agreement::TOLERANCE))
        ),
        format!(
            "Memory is the most that the process held resident, its libraries included; a GPU's own memory is not in \
             it.{tuning}"
        ),
        "Times under 5 % apart are called level. Other programs on the machine make times longer and whiskers wider: \
         compare on a quiet one."
            .to_string(),
    ]
}
