//! `efficientnet scale paper`: the paper's tables beside our counts.

use efficientnet_scaling::paper::{PaperRow, tables};
use serde::Serialize;

use super::print;
use crate::Outcome;
use crate::args::scale::PaperArgs;
use crate::output::{self, scaled};

#[derive(Serialize)]
struct Asked {
    source: &'static str,
}

pub fn run(args: &PaperArgs) -> Outcome {
    let wanted = |row: &PaperRow| args.table.as_ref().is_none_or(|table| *table == row.table.to_string());
    let rows: Vec<PaperRow> = tables()?.into_iter().filter(wanted).collect();
    print(&args.format, Asked { source: "arXiv 1905.11946v5" }, &rows, || {
        let header =
            ["table", "model", "scaling", "paper", "macs", "delta", "", "paper", "params", "delta", "note"];
        let right = ["paper", "macs", "delta", "params"];
        output::table(&header, &right, rows.iter().map(cells))
    })
}

fn cells(row: &PaperRow) -> Vec<String> {
    let percent = |delta: f64| format!("{delta:+.1} %");
    vec![
        row.table.to_string(),
        row.model.to_string(),
        row.scaling.to_string(),
        format!("{} G", row.paper_gmacs),
        scaled(row.macs, 1e9, "G"),
        percent(row.macs_delta_percent),
        row.agreement.to_string(),
        row.paper_mparams.map_or_else(String::new, |printed| format!("{printed} M")),
        scaled(row.params, 1e6, "M"),
        row.params_delta_percent.map_or_else(String::new, percent),
        row.note.to_string(),
    ]
}
