//! `efficientnet train`.

use std::path::PathBuf;

use clap::Args;

use super::positive;
use crate::run_folder::Which;

#[derive(Debug, Args)]
pub struct TrainArgs {
    /// A recipe file, or a committed recipe's name (`efficientnet train --list`)
    #[arg(value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// List the committed recipes
    #[arg(long, conflicts_with_all = ["recipe", "finetune", "resume", "data"])]
    pub list: bool,
    /// Set a key of the recipe, as `schedule.rate=0.01`; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Begin with these weights, or those of another run's folder, and sensible settings for a small data set: no recipe is
    /// needed
    #[arg(long, value_name = "FILE|RUN|NAME", requires = "data", conflicts_with = "recipe")]
    pub finetune: Option<String>,
    /// Which weights of the run's folder that --finetune names (default: averaged where the run has them, else last)
    #[arg(long, value_enum, requires = "finetune")]
    pub which: Option<Which>,
    /// With --finetune, train the classifier alone, on features that are computed once
    #[arg(long, requires = "finetune")]
    pub probe: bool,
    /// Training images, in place of the recipe's: a folder of class folders, tar files, a CSV manifest, CIFAR or MNIST
    /// files, or `shapes`
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// Passes over the training images, in place of the recipe's
    #[arg(long, value_name = "N", value_parser = positive)]
    pub epochs: Option<usize>,
    /// flex, ndarray, tch, tch:cuda:0, wgpu, vulkan, cuda:0 or cpu
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// The run's folder (default: runs/NAME, with the recipe's name)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in the folder; its own recipe is taken where none is named
    #[arg(long)]
    pub resume: bool,
    /// Fit a linear model to the bare pixels, too, and say how well it does
    #[arg(long)]
    pub linear_baseline: bool,
    /// Print JSON at the end
    #[arg(long)]
    pub json: bool,
}
