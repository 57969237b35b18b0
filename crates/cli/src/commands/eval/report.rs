//! What an evaluation found, for people, for machines and for a spreadsheet.

use std::path::PathBuf;

use efficientnet_runs::scores::{ClassMeasures, Confusion, Measures, Tally};
use serde::Serialize;

use super::Prediction;
use crate::error::CliError;
use crate::output;

/// What was evaluated, and on what.
#[derive(Serialize)]
pub struct About {
    pub model: String,
    /// The weights' file.
    pub weights: PathBuf,
    pub device: String,
    /// `compiled` or `burn`.
    pub engine: &'static str,
    pub transform: String,
    /// Whether logits are the mean over an image and its mirror image.
    pub flip: bool,
    pub images_per_second: f64,
    /// False where Ctrl-C ended the run early: the figures are of the images until then.
    pub complete: bool,
    /// Images that could not be read, with `--skip-broken`; they count nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}

/// How well it does.
#[derive(Serialize)]
pub struct Report {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    measures: Measures,
    /// Every class, in the network's order.
    per_class: Vec<Class>,
    /// Cells of the confusion matrix that are not 0, row by row.
    confusion: Vec<Confusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Vec<Prediction>>,
}

/// A class with its name.
#[derive(Serialize)]
pub struct Class {
    name: String,
    #[serde(flatten)]
    measures: ClassMeasures,
}

impl Report {
    /// The report on results that add up to `tally`, over classes with these names.
    pub fn new(about: About, tally: &Tally, names: &[String], predictions: Option<Vec<Prediction>>) -> Self {
        let class = |(measures, name): (ClassMeasures, &String)| Class { name: name.clone(), measures };
        Self {
            about,
            measures: tally.measures(),
            per_class: tally.per_class().into_iter().zip(names).map(class).collect(),
            confusion: tally.cells().collect(),
            predictions,
        }
    }

    /// For people; with `per_class` every class has a line.
    pub fn text(&self, per_class: bool) -> String {
        let About { model, weights, device, engine, transform, flip, .. } = &self.about;
        let mirror = if *flip { ", and mirrored" } else { "" };
        let mut lines = vec![
            format!("{model} on {device} ({engine}): {transform}{mirror}"),
            format!("weights: {}", weights.display()),
        ];
        lines.extend(scores(&self.measures));
        lines.push(format!("{:.1} images a second, decoding included", self.about.images_per_second));
        if per_class {
            lines.extend([String::new(), self.table()]);
        }
        lines.extend(self.about.skipped.iter().map(|reason| format!("left out: {reason}")));
        if !self.about.complete {
            lines.push("interrupted: these are the images until then".to_string());
        }
        lines.join("\n")
    }

    fn table(&self) -> String {
        let header = ["class", "images", "precision", "recall", "F1", "most confused with"];
        let row = |Class { name, measures }: &Class| {
            let confused = |most: Confusion| format!("{} ({})", self.name(most.predicted), most.images);
            vec![
                name.clone(),
                measures.support.to_string(),
                percent(measures.precision),
                percent(measures.recall),
                percent(measures.f1),
                measures.confused_with.map(confused).unwrap_or_default(),
            ]
        };
        output::table(&header, &["images", "precision", "recall", "F1"], self.per_class.iter().map(row))
    }

    fn name(&self, class: usize) -> &str {
        self.per_class.get(class).map_or("", |class| &class.name)
    }

    /// The confusion matrix: a row for each label, a column for each prediction, names in front of both.
    pub fn confusion_csv(&self) -> Result<Vec<u8>, CliError> {
        let impossible =
            |error: csv::Error| CliError::Failure(format!("the matrix cannot be written: {error}"));
        let mut cells = self.confusion.iter().peekable();
        let mut out = csv::Writer::from_writer(Vec::new());
        let names = self.per_class.iter().map(|class| class.name.as_str());
        out.write_record(std::iter::once("label").chain(names)).map_err(impossible)?;
        for Class { name, measures } in &self.per_class {
            let mut row = vec![0; self.per_class.len()];
            while let Some(cell) = cells.next_if(|cell| cell.label == measures.class) {
                row[cell.predicted] = cell.images;
            }
            let counts = row.iter().map(u64::to_string);
            out.write_record(std::iter::once(name.clone()).chain(counts)).map_err(impossible)?;
        }
        out.into_inner().map_err(|error| impossible(error.into_error().into()))
    }
}

fn scores(measures: &Measures) -> Vec<String> {
    let images = measures.images;
    let share = |what: &str, share: f64| {
        format!("{what}  {:>6.2} %  ({:.0} of {images})", share * 100.0, share * images as f64)
    };
    let lines = [
        measures.top1.map(|top1| share("top-1", top1)),
        measures.top5.map(|top5| share("top-5", top5)),
        measures.loss.map(|loss| format!("loss   {loss:>8.4}  (mean cross-entropy)")),
        measures.ece.map(|ece| format!("ECE    {:>6.2} %  (calibration error)", ece * 100.0)),
    ];
    lines.into_iter().flatten().collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_string(), |share| format!("{:.2} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use efficientnet_runs::scores::Outcome;

    use super::*;

    /// Of three images of `cat, tabby`, one is taken for a dog, and the only dog is recognised; there is no `fox`.
    fn report() -> Report {
        let mut tally = Tally::new(3);
        for (label, logits) in
            [(0, [3.0, 0.0, 0.0]), (0, [0.0, 1.0, 0.0]), (0, [2.0, 0.0, 0.0]), (1, [0.0, 3.0, 0.0])]
        {
            tally.add(&Outcome::from_logits(&logits, label, 0.0)).unwrap();
        }
        let names = ["cat, tabby", "dog", "fox"].map(String::from);
        let about = About {
            model: "b0".to_string(),
            weights: "b0.safetensors".into(),
            device: "flex".to_string(),
            engine: "compiled",
            transform: "t".to_string(),
            flip: false,
            images_per_second: 1.0,
            complete: true,
            skipped: Vec::new(),
        };
        Report::new(about, &tally, &names, None)
    }

    #[test]
    fn the_matrix_has_labels_as_rows() {
        let csv = String::from_utf8(report().confusion_csv().unwrap()).unwrap();
        assert_eq!(csv, "label,\"cat, tabby\",dog,fox\n\"cat, tabby\",2,1,0\ndog,0,1,0\nfox,0,0,0\n");
    }

    #[test]
    fn people_see_classes_and_no_top5_of_three() {
        let text = report().text(true);
        assert!(text.contains("top-1   75.00 %  (3 of 4)") && !text.contains("top-5"), "{text}");
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip_while(|line| !line.starts_with("class"))
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows[1], ["cat, tabby", "3", "100.00 %", "66.67 %", "80.00 %", "dog (1)"]);
        assert_eq!(rows[2], ["dog", "1", "50.00 %", "100.00 %", "66.67 %"]);
        assert_eq!(rows[3], ["fox", "0", "-", "-", "-"]);
        assert!(!report().text(false).contains("precision"));
    }

    #[test]
    fn machines_see_measures_beside_the_rest() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!((&json["top1"], &json["top5"]), (&0.75.into(), &serde_json::Value::Null));
        assert_eq!(
            (&json["per_class"][0]["name"], &json["per_class"][0]["support"]),
            (&"cat, tabby".into(), &3.into())
        );
        assert_eq!(json["confusion"].as_array().unwrap().len(), 3);
    }
}
