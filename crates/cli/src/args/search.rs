//! `efficientnet scale search` and `efficientnet scale report`.

use std::path::PathBuf;

use clap::Args;
use efficientnet_search::Shard;

#[derive(Debug, Args)]
pub struct SearchArgs {
    /// The plan, a TOML file (docs/search.md; `plans/` has those of the paper's experiments)
    #[arg(value_name = "PLAN.toml")]
    pub plan: PathBuf,
    /// The search's folder (default: runs/NAME, with the plan's name)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the search in the folder
    #[arg(long)]
    pub resume: bool,
    /// Train only every N-th trial, from the I-th on (1/N to N/N): all shards together are the whole
    /// search
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    pub shard: Shard,
    /// When this shard's share of a round is done, wait for the shards that write into the same folder
    #[arg(long)]
    pub wait: bool,
    /// flex, ndarray, tch, tch:cuda:0, wgpu, vulkan, cuda:0 or cpu
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// Set a key of the plan, as `proxy.epochs=2`, or of its recipe, as `data.train=photographs`; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Keep each trial's folder, with weights and report, when it has ended
    #[arg(long)]
    pub keep_trials: bool,
    /// Print the networks, what they cost and about how long the search takes, and train nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Keep so many MiB of decoded images in memory; the rest is decoded anew in each epoch
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub cache: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a search, finished or not
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
