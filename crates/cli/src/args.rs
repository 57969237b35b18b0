//! The command line.

mod data;
pub mod scale;
pub mod search;
mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::run_folder::Which;

pub use data::{DataArgs, DataCommand, InspectArgs, PreviewArgs, SplitArgs};
pub use train::TrainArgs;

/// EfficientNet, MobileNet and ResNet on Burn: counts, weights, predictions, evaluation.
#[derive(Debug, Parser)]
#[command(name = "efficientnet", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the networks with their sizes
    Models(ModelsArgs),
    /// Count a network's parameters, multiply-adds, activations and memory, at any scale
    Summary(SummaryArgs),
    /// Look into, convert, list and download weights
    Weights(WeightsArgs),
    /// List, download, inspect and split data sets
    Data(DataArgs),
    /// Name what is on a photograph, or compute the logits of an array
    Predict(PredictArgs),
    /// Accuracy, loss and calibration over labelled images, in all and for each class
    Eval(EvalArgs),
    /// Find the ranges that `--int8` needs, from photographs without labels, and say what 8 bits cost
    Quantize(QuantizeArgs),
    /// Train a network by a recipe, or fine-tune weights on a folder of photographs
    Train(TrainArgs),
    /// Scale networks: the published tables, the phi of a network, the largest within a budget
    Scale(scale::ScaleArgs),
    /// Time one network on one device (what `cargo xtask compare` runs)
    Measure(MeasureArgs),
}

#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SummaryArgs {
    /// A network's name (`efficientnet models` lists them)
    pub model: String,
    /// Width coefficient, in place of the network's own
    #[arg(long, value_name = "W")]
    pub width: Option<f64>,
    /// Depth coefficient, in place of the network's own
    #[arg(long, value_name = "D")]
    pub depth: Option<f64>,
    /// Side of the input in pixels
    #[arg(long, value_name = "R")]
    pub resolution: Option<usize>,
    /// Number of classes
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Show every layer
    #[arg(long)]
    pub layers: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct WeightsArgs {
    #[command(subcommand)]
    pub command: WeightsCommand,
}

/// What to do with weights.
#[derive(Debug, Subcommand)]
pub enum WeightsCommand {
    /// Say which network a file is for, in whose naming, and what it implies
    Inspect {
        /// A `.safetensors`, `.pth` or `.pt` file
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a file again as safetensors, in another library's naming
    Convert {
        /// A `.safetensors`, `.pth` or `.pt` file
        file: PathBuf,
        /// Where to write
        #[arg(long, value_name = "OUT.safetensors")]
        to: PathBuf,
        /// timm, torchvision, efficientnet-pytorch, keras or native
        #[arg(long)]
        naming: String,
        /// Replace an existing file
        #[arg(long)]
        force: bool,
    },
    /// List the published checkpoints
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a published checkpoint into the cache
    Fetch {
        /// Its name (`efficientnet weights list`)
        name: String,
    },
}

/// Where the network comes from and runs.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// A weights file, a training run's folder, or a published checkpoint's name
    #[arg(long, value_name = "FILE|RUN|NAME")]
    pub weights: String,
    /// Which weights of a run's folder (default: averaged where the run has them, else last)
    #[arg(long, value_enum)]
    pub which: Option<Which>,
    /// The network that the weights are for, where the file does not tell
    #[arg(long)]
    pub model: Option<String>,
    /// flex, ndarray, tch, tch:cuda:0, wgpu, vulkan, cuda:0 or cpu
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// On flex, run Burn's own modules and not the compiled network
    #[arg(long)]
    pub plain: bool,
    /// On flex, compute 1x1 convolutions in 8 bits, over the ranges that `efficientnet quantize` found
    #[arg(long, value_name = "RANGES.json", conflicts_with = "plain")]
    pub int8: Option<PathBuf>,
    /// Images in one forward pass
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = positive)]
    pub batch: usize,
}

#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// A weights file, a training run's folder, or a published checkpoint's name
    #[arg(long, value_name = "FILE|RUN|NAME")]
    pub weights: String,
    /// Which weights of a run's folder (default: averaged where the run has them, else last)
    #[arg(long, value_enum)]
    pub which: Option<Which>,
    /// The network that the weights are for, where the file does not tell
    #[arg(long)]
    pub model: Option<String>,
    /// Photographs such as the network will see, in folders of any depth
    #[arg(long, value_name = "DIR")]
    pub images: PathBuf,
    /// Take only this many of them, spread evenly over the folder: one half for the ranges, the other
    /// to see what 8 bits cost
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = positive)]
    pub limit: usize,
    /// Where to write the ranges
    #[arg(long, value_name = "RANGES.json")]
    pub out: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
    /// Print what 8 bits cost as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PredictArgs {
    #[command(flatten)]
    pub network: NetworkArgs,
    /// How many classes to show for each image
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = positive)]
    pub top: usize,
    /// Class names, one a line, line 1 is class 0 (default: those that the weights'
    /// file names, else ImageNet's where there are 1000)
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Read an f32 array [N, C, H, W], already normalised, instead of images
    #[arg(long, value_name = "IN.npy", requires = "out", conflicts_with = "images")]
    pub npy: Option<PathBuf>,
    /// Write the logits [N, classes] of --npy here
    #[arg(long, value_name = "LOGITS.npy", requires = "npy")]
    pub out: Option<PathBuf>,
    /// Image files
    #[arg(value_name = "IMAGE", required_unless_present = "npy")]
    pub images: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Labelled images: a folder of class folders, tar files, a CSV manifest, CIFAR or MNIST files, or `shapes`
    /// (default, where --weights is a run's folder: the images that the run was measured on)
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// Class names, one a line, line 1 is class 0 (default: those that the weights' file names, else
    /// ImageNet's ids where the folders have them, else sorted)
    #[arg(long, value_name = "FILE", requires = "data")]
    pub classes: Option<PathBuf>,
    /// Average each image's logits with those of its mirror image (test-time flip), at twice the time
    #[arg(long)]
    pub flip: bool,
    /// Take only this many images, spread evenly over the folder
    #[arg(long, value_name = "N", value_parser = positive)]
    pub limit: Option<usize>,
    /// Leave out images that cannot be read, and list them
    #[arg(long)]
    pub skip_broken: bool,
    /// Keep every prediction in this file, so that --resume can go on from there
    #[arg(long, value_name = "RECORD.jsonl")]
    pub out: Option<PathBuf>,
    /// Go on with the record of an evaluation that was stopped
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// Show each class, too: images, precision, recall, F1, and what it is most often confused with
    #[arg(long)]
    pub per_class: bool,
    /// Write the confusion matrix here: a row for each class, a column for each prediction
    #[arg(long, value_name = "OUT.csv")]
    pub confusion: Option<PathBuf>,
    /// Print JSON, classes and confusions included
    #[arg(long)]
    pub json: bool,
    /// Add every image's prediction to the JSON
    #[arg(long, requires = "json")]
    pub predictions: bool,
}

#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// A network's name
    pub model: String,
    /// flex, ndarray, tch, tch:cuda:0, wgpu, vulkan, cuda:0 or cpu
    #[arg(long)]
    pub device: String,
    /// On flex, time the compiled network of `predict` and `eval` and not Burn's modules
    #[arg(long)]
    pub compiled: bool,
    /// With --compiled, compute 1x1 convolutions in 8 bits, over the ranges that `efficientnet quantize` found
    #[arg(long, value_name = "RANGES.json", requires = "compiled")]
    pub int8: Option<PathBuf>,
    /// With --compiled, time each step of one image, too, beside what this machine takes for it at least
    #[arg(long)]
    pub layers: bool,
    /// Images in one forward pass
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub batch: usize,
    /// Side of the input in pixels (default: the network's own)
    #[arg(long, value_name = "R")]
    pub resolution: Option<usize>,
    /// Take batch, size and values of the input from this f32 array [N, C, H, W], already normalised
    #[arg(long, value_name = "IN.npy", conflicts_with_all = ["batch", "resolution", "images"])]
    pub input: Option<PathBuf>,
    /// How long to measure
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// How long to warm up after the first call
    #[arg(long, value_name = "W", default_value_t = 1.0, value_parser = seconds)]
    pub warmup_seconds: f64,
    /// A weights file (default: values from a rule, the same on every device)
    #[arg(long, value_name = "FILE|NAME")]
    pub weights: Option<String>,
    /// Take the input from the images below this folder (default: values from a rule)
    #[arg(long, value_name = "DIR", requires = "weights")]
    pub images: Option<PathBuf>,
    /// Write the logits here
    #[arg(long, value_name = "LOGITS.npy")]
    pub out: Option<PathBuf>,
    /// Compare the logits with these
    #[arg(long, value_name = "LOGITS.npy")]
    pub reference: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a whole number above 0 is needed".to_string()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=86_400.0).contains(&number) => Ok(number),
        _ => Err("seconds from 0 to 86400 are needed".to_string()),
    }
}
