//! What networks are predicted by is what runs.

use efficientnet_arch::{Coefficients, StepKind, TensorSpec};
use efficientnet_weights::synthetic;

use super::*;

fn compiled(spec: &ArchSpec) -> CompiledNetwork {
    let rule = |tensor: &TensorSpec| synthetic::tensor(&tensor.name(), tensor.kind, &tensor.shape);
    let weights = Weights::from_tensors(spec.clone(), rule);
    CompiledNetwork::from_weights(weights, CompileOptions { threads: 2 }).unwrap()
}

/// The kind of a plan's step, from its name.
fn kind(index: usize, name: &str) -> StepKind {
    match name {
        _ if index == 0 => StepKind::Stem,
        _ if name.contains("depthwise") => StepKind::Depthwise,
        _ if name.starts_with("squeeze-excite") => StepKind::Excite,
        _ if name.starts_with("mean") => StepKind::Classifier,
        _ if name.starts_with("conv") => StepKind::Dense,
        _ => StepKind::Pass,
    }
}

/// What networks are predicted by is what runs, for every way in which blocks are put together.
#[test]
fn steps_are_those_of_the_plan() {
    for name in [
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-lite0",
        "efficientnet-edgetpu-s",
        "efficientnetv2-b0",
        "mobilenetv1",
        "mobilenetv2",
        "resnet18",
        "resnet50",
    ] {
        let spec = ArchSpec::named(name).unwrap();
        let spec = spec.rescaled(Coefficients { resolution: 65, ..spec.coefficients }).unwrap();
        let network = compiled(&spec);
        let data = vec![0.5; 3 * 65 * 65];
        let steps = spec.steps();
        assert_eq!(network.step_times(&data, [1, 65, 65]).unwrap().len(), steps.len(), "{name}");
        assert!(network.step_times(&data, [2, 65, 65]).is_err());
        let images = Images { data: &data, batch: 1, height: 65, width: 65 };
        let profile = network.plan.profile(images, 1).unwrap();
        for (index, (ours, theirs)) in steps.iter().zip(&profile.steps).enumerate() {
            let is_last = index + 1 == steps.len();
            let kind = if is_last { StepKind::Classifier } else { kind(index, &theirs.name) };
            let macs = (ours.dense_macs + ours.depthwise_macs) as usize;
            assert_eq!((ours.kind, macs), (kind, theirs.macs), "{name}: {}", theirs.name);
        }
    }
}
