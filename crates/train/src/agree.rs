//! What all ranks have to have in common, and how they come to have it.

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use efficientnet_model::Network;
use efficientnet_runs::recipe::Recipe;
use efficientnet_weights::{HostTensor, Weights};

use crate::{Average, Images, Ranks, TrainError, start};

/// Compares what the run is (`identity`) and its images: ranks that were started differently would wait for each other for ever, or learn from
/// other images than their places say.
///
/// # Errors
/// [`TrainError::Unlike`] where a rank differs from the first one.
pub(crate) fn alike(identity: &str, images: &Images, ranks: &dyn Ranks) -> Result<(), TrainError> {
    if ranks.world() == 1 {
        return Ok(());
    }
    let mut own = identity.as_bytes().to_vec();
    for source in std::iter::once(&images.train).chain(&images.validation) {
        let mut sum = Fnv::default();
        for sample in 0..source.len() {
            sum.add(source.key(sample).as_bytes());
            sum.add(&source.class(sample).to_le_bytes());
        }
        own.extend(sum.0.to_le_bytes());
    }
    let all = ranks.gather(&own)?;
    match all.iter().position(|other| *other != all[0]) {
        Some(rank) => Err(TrainError::Unlike { rank }),
        None => Ok(()),
    }
}

/// FNV-1a with 64 bits: enough to notice a difference, and the same on every machine.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The first rank's network for all: what is random may come out differently on another device.
///
/// # Errors
/// [`TrainError::Ranks`] where the others cannot be reached, [`TrainError::Model`] where the device gives no values.
pub(crate) fn weights(
    network: Network,
    recipe: &Recipe,
    device: &Device,
    ranks: &dyn Ranks,
) -> Result<Network, TrainError> {
    if ranks.world() == 1 {
        return Ok(network);
    }
    let mut tensors = network.to_host()?;
    for (_, tensor) in &mut tensors {
        if !ranks.leads() {
            tensor.values.fill(0.0);
        }
        ranks.sum(&mut tensor.values)?;
    }
    let mut tensors: HashMap<String, HostTensor> = tensors.into_iter().collect();
    let shared = Weights::from_tensors(network.spec().clone(), |spec| {
        tensors.remove(&spec.name()).map_or_else(Vec::new, |tensor| tensor.values)
    });
    Ok(start::freeze(Network::from_weights(shared, device)?.materialize(), recipe))
}

/// Puts the mean over all ranks in the place of each running statistic, and of its moving average. In double precision:
/// the mean of equal numbers is that number.
///
/// # Errors
/// As [`weights`].
pub(crate) fn statistics(
    network: &Network,
    mut average: Option<&mut Average>,
    ranks: &dyn Ranks,
) -> Result<(), TrainError> {
    network.settle();
    for unit in network.units() {
        for state in [&unit.bn.running_mean, &unit.bn.running_var] {
            state.update(mean(state.value_sync(), ranks)?);
        }
    }
    network.settle();
    for tensor in network.tensors().iter().filter(|tensor| !tensor.spec.kind.is_parameter()) {
        let average = average.as_mut().and_then(|average| average.get_mut(tensor.id));
        if let Some(value) = average {
            *value = mean(value.clone(), ranks)?;
        }
    }
    Ok(())
}

fn mean(tensor: Tensor<1>, ranks: &dyn Ranks) -> Result<Tensor<1>, TrainError> {
    let device = tensor.device();
    let values = tensor.into_data().convert::<f64>().try_to_vec::<f64>();
    let mut values = values.map_err(TrainError::device)?;
    ranks.sum_f64(&mut values)?;
    let mean = |sum: f64| (sum / ranks.world() as f64) as f32;
    let values: Vec<f32> = values.into_iter().map(mean).collect();
    let length = values.len();
    Ok(Tensor::from_data(TensorData::new(values, [length]), &device))
}
