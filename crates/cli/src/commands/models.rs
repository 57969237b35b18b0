//! `efficientnet models`: every network with its sizes.

use efficientnet_arch::{NamedModel, models};
use serde::Serialize;

use crate::args::ModelsArgs;
use crate::output::{self, scaled};
use crate::{Outcome, error::CliError};

#[derive(Serialize)]
struct Row {
    model: &'static str,
    family: efficientnet_arch::Family,
    width: f64,
    depth: f64,
    resolution: usize,
    train_resolution: usize,
    classes: usize,
    params: u64,
    macs: u64,
    macs_fvcore: u64,
    activations: u64,
}

impl Row {
    fn of(model: &NamedModel) -> Result<Self, CliError> {
        let spec = model.spec();
        let counts = spec.count()?;
        Ok(Self {
            model: model.name,
            family: model.family(),
            width: model.width,
            depth: model.depth,
            resolution: model.resolution,
            train_resolution: model.train_resolution,
            classes: spec.num_classes,
            params: counts.params,
            macs: counts.macs,
            macs_fvcore: counts.macs_fvcore,
            activations: counts.activations,
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.model.to_string(),
            self.width.to_string(),
            self.depth.to_string(),
            self.resolution.to_string(),
            scaled(self.params, 1e6, "M"),
            scaled(self.macs, 1e9, "G"),
            scaled(self.activations, 1e6, "M"),
        ]
    }
}

pub fn run(args: &ModelsArgs) -> Outcome {
    let rows = models().iter().map(Row::of).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        return output::json(&rows);
    }
    let header = ["model", "width", "depth", "pixels", "params", "macs", "activations"];
    output::text(&output::table(&header, &header[1..], rows.iter().map(Row::cells)))
}
