//! `efficientnet scale`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::search::{ReportArgs, SearchArgs};
use super::{positive, seconds};

#[derive(Debug, Args)]
pub struct ScaleArgs {
    #[command(subcommand)]
    pub command: ScaleCommand,
}

/// What to ask of a scaling rule.
#[derive(Debug, Subcommand)]
pub enum ScaleCommand {
    /// The published networks of a family beside what the rule gives at each phi
    Table(TableArgs),
    /// The phi that a network would have
    Fit(FitArgs),
    /// The largest network of a rule within a budget
    Grow(GrowArgs),
    /// Milliseconds of networks on this machine: measured, and predicted from what steps of others cost
    Latency(LatencyArgs),
    /// The networks on the paper's grid of alpha, beta and gamma
    Grid(GridArgs),
    /// Tables 2, 3 and 7 of the paper beside our counts
    Paper(PaperArgs),
    /// Train the networks of a plan and compare them: scaling rules, alpha, beta and gamma, or the baseline itself
    Search(SearchArgs),
    /// Make the page of a search anew
    Report(ReportArgs),
}

/// Which rule, and how pixels are rounded.
#[derive(Debug, Args)]
pub struct BaseArgs {
    /// Base of the depth, in place of the paper's 1.2
    #[arg(long, value_name = "A")]
    pub alpha: Option<f64>,
    /// Base of the width, in place of the paper's 1.1
    #[arg(long, value_name = "B")]
    pub beta: Option<f64>,
    /// Base of the resolution, in place of the paper's 1.15
    #[arg(long, value_name = "C")]
    pub gamma: Option<f64>,
    /// Round the side of the input to a multiple of this
    #[arg(long, value_name = "PIXELS", default_value_t = 1)]
    pub multiple: usize,
}

/// For machines instead of people.
#[derive(Debug, Args)]
pub struct FormatArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Debug, Args)]
pub struct TableArgs {
    /// efficientnet, efficientnet-lite, efficientnetv2, mobilenetv1, mobilenetv2, resnet50 ..., or a baseline's .toml file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "efficientnet")]
    pub family: String,
    /// Powers to show, negative ones as well
    #[arg(
        long,
        value_name = "PHI,...",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-1,0,1,2,3,4,5,6,7"
    )]
    pub phi: Vec<f64>,
    #[command(flatten)]
    pub base: BaseArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct FitArgs {
    /// A network's name, or a baseline's .toml file
    #[arg(value_name = "MODEL|FILE.toml")]
    pub model: String,
    /// Width coefficient, in place of the network's own
    #[arg(long, value_name = "W")]
    pub width: Option<f64>,
    /// Depth coefficient, in place of the network's own
    #[arg(long, value_name = "D")]
    pub depth: Option<f64>,
    /// Side of the input in pixels, in place of the network's own
    #[arg(long, value_name = "R")]
    pub resolution: Option<usize>,
    #[command(flatten)]
    pub base: BaseArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct GrowArgs {
    /// The network to start from: a name, or a baseline's .toml file
    #[arg(value_name = "MODEL|FILE.toml")]
    pub model: String,
    /// 1.8GMACs, 12Mparams, 40Mactivations, 64MiB (of activations at once, one image in f32) or 20ms (of a forward pass)
    #[arg(long, value_name = "BUDGET")]
    pub budget: efficientnet_scaling::Limit,
    /// compound, depth, width, resolution or fast; several with commas
    #[arg(long, value_name = "RULE,...", value_delimiter = ',', default_value = "compound")]
    pub rule: Vec<String>,
    /// Allow phi below 0, where the network is over the budget as it is
    #[arg(long)]
    pub shrink: bool,
    #[command(flatten)]
    pub base: BaseArgs,
    #[command(flatten, next_help_heading = "For a budget in ms")]
    pub clock: ClockArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// With what milliseconds are measured.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct ClockArgs {
    /// flex (the default), ndarray, tch, tch:cuda:0, wgpu, vulkan, cuda:0 or cpu
    #[arg(long)]
    pub device: Option<String>,
    /// On flex, time Burn's own modules and not the compiled network
    #[arg(long)]
    pub plain: bool,
    /// Images in one forward pass (default 1)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub batch: Option<usize>,
    /// Keep what is measured in this file, and measure nothing again that is in it
    #[arg(long, value_name = "FILE.json")]
    pub table: Option<PathBuf>,
    /// Seconds for each network that is measured (default 1)
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,
}

#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// Networks: names, or baselines' .toml files; a single one is taken with others around it
    #[arg(value_name = "MODEL|FILE.toml", default_value = "efficientnet-b0")]
    pub models: Vec<String>,
    /// In place of networks a search's plan: those around its baseline, and some drawn from its space
    #[arg(long, value_name = "PLAN.toml", conflicts_with = "models")]
    pub space: Option<PathBuf>,
    /// How many are drawn from the space
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = positive, requires = "space")]
    pub networks: usize,
    #[command(flatten)]
    pub clock: ClockArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct GridArgs {
    /// The network to scale: a name, or a baseline's .toml file
    #[arg(value_name = "MODEL|FILE.toml", default_value = "efficientnet-b0")]
    pub model: String,
    /// Distance of neighbouring values of alpha, beta and gamma
    #[arg(long, value_name = "STEP", default_value_t = 0.05)]
    pub step: f64,
    /// How far alpha * beta^2 * gamma^2 may be from 2
    #[arg(long, value_name = "T", default_value_t = 0.05)]
    pub tolerance: f64,
    /// Round the side of the input to a multiple of this
    #[arg(long, value_name = "PIXELS", default_value_t = 1)]
    pub multiple: usize,
    #[command(flatten)]
    pub format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct PaperArgs {
    /// Only this table: 2, 3 or 7
    #[arg(long, value_name = "N", value_parser = ["2", "3", "7"])]
    pub table: Option<String>,
    #[command(flatten)]
    pub format: FormatArgs,
}
