//! `efficientnet summary`: what a network costs, at any scale, from its spec alone.

use efficientnet_arch::{ArchSpec, Coefficients, Counts, LayerCounts, StageCounts};
use serde::Serialize;

use crate::args::SummaryArgs;
use crate::output::{self, scaled, thousands};
use crate::{Outcome, error::CliError};

#[derive(Serialize)]
struct Summary<'a> {
    model: &'a str,
    width: f64,
    depth: f64,
    classes: usize,
    #[serde(flatten)]
    counts: &'a Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<&'a [LayerCounts]>,
}

pub fn run(args: &SummaryArgs) -> Outcome {
    let spec = spec(args)?;
    let counts = spec.count()?;
    let layers = args.layers.then_some(counts.layers.as_slice());
    if args.json {
        let Coefficients { width, depth, .. } = spec.coefficients;
        let classes = spec.num_classes;
        return output::json(&Summary { model: &spec.name, width, depth, classes, counts: &counts, layers });
    }
    let mut text = vec![heading(&spec, &counts), String::new(), stages(&counts.stages)];
    text.extend(layers.map(|layers| format!("\n{}", layer_table(layers))));
    output::text(&text.join("\n"))
}

fn spec(args: &SummaryArgs) -> Result<ArchSpec, CliError> {
    let named = ArchSpec::named(&args.model)?;
    let own = named.coefficients;
    let coefficients = Coefficients {
        width: args.width.unwrap_or(own.width),
        depth: args.depth.unwrap_or(own.depth),
        resolution: args.resolution.unwrap_or(own.resolution),
    };
    let classes = args.classes.unwrap_or(named.num_classes);
    Ok(named.rescaled(coefficients)?.with_classes(classes).checked()?)
}

fn heading(spec: &ArchSpec, counts: &Counts) -> String {
    let Coefficients { width, depth, resolution } = spec.coefficients;
    let lines = [
        format!(
            "{}  (width {width}, depth {depth}, {resolution} px, {} classes)",
            spec.name, spec.num_classes
        ),
        format!("params           {:>18}   {}", thousands(counts.params), scaled(counts.params, 1e6, "M")),
        format!("macs             {:>18}   {}", thousands(counts.macs), scaled(counts.macs, 1e9, "G")),
        format!(
            "macs (fvcore)    {:>18}   {}, with 2 for each normalised value",
            thousands(counts.macs_fvcore),
            scaled(counts.macs_fvcore, 1e9, "G")
        ),
        format!(
            "activations      {:>18}   {}",
            thousands(counts.activations),
            scaled(counts.activations, 1e6, "M")
        ),
        format!(
            "peak activations {:>18}   {} for one image in f32",
            thousands(counts.peak_activation_bytes),
            scaled(counts.peak_activation_bytes, 1024.0 * 1024.0, "MiB")
        ),
    ];
    lines.join("\n")
}

fn shape([c, h, w]: [usize; 3]) -> String {
    format!("{c}x{h}x{w}")
}

fn stages(stages: &[StageCounts]) -> String {
    let header = ["stage", "blocks", "output", "params", "macs", "activations", "peak bytes"];
    let row = |stage: &StageCounts| {
        vec![
            stage.name.clone(),
            if stage.blocks == 0 { String::new() } else { stage.blocks.to_string() },
            shape(stage.output),
            thousands(stage.params),
            thousands(stage.macs),
            thousands(stage.activations),
            thousands(stage.peak_activation_bytes),
        ]
    };
    output::table(&header, &header[1..], stages.iter().map(row))
}

fn layer_table(layers: &[LayerCounts]) -> String {
    let header = ["layer", "input", "output", "params", "macs", "activations", "live bytes"];
    let row = |counts: &LayerCounts| {
        vec![
            counts.layer.name.clone(),
            shape(counts.layer.input),
            shape(counts.layer.output),
            thousands(counts.params),
            thousands(counts.macs),
            thousands(counts.activations),
            thousands(counts.live_bytes),
        ]
    };
    output::table(&header, &header[1..], layers.iter().map(row))
}
