//! Where training is computed: the device that was asked for, as the trainer wants it described.

use std::sync::Arc;

use efficientnet_backend::DeviceName;
use efficientnet_data::NormalizeOn;
use efficientnet_runs::folder::Environment;
use efficientnet_train::{Place, Ranks};

use crate::error::CliError;
use crate::interrupt;

/// Losses that wait on a device with memory of its own before they are read.
const READ_EVERY: usize = 16;

/// The device of this name, with all processes of `ranks`; Ctrl-C stops what is computed there. And what is noted about it.
pub fn open(device: &str, ranks: Arc<dyn Ranks>) -> Result<(Place, Environment), CliError> {
    let name: DeviceName = device.parse()?;
    let opened = efficientnet_backend::open(name, device)?;
    let on_host = name.computes_in_host_memory();
    let environment = Environment {
        backend: name.backend.to_string(),
        device: device.to_string(),
        ranks: ranks.world(),
        git_commit: option_env!("EFFICIENTNET_COMMIT").map(String::from),
        rustc: option_env!("EFFICIENTNET_RUSTC").map(String::from),
        ..Environment::of_this_machine(env!("CARGO_PKG_VERSION"))
    };
    let place = Place {
        device: opened,
        normalize_on: if on_host { NormalizeOn::Host } else { NormalizeOn::Device },
        // The compiled network is the fastest on a CPU, whichever backend trains there.
        compile: on_host,
        read_every: if on_host { 1 } else { READ_EVERY },
        ranks,
        stop: interrupt::flag(),
    };
    Ok((place, environment))
}
