//! Steps against the counts, and what is fused.

use super::*;

fn steps(name: &str) -> Vec<Step> {
    ArchSpec::named(name).unwrap().steps()
}

fn count(steps: &[Step], kind: StepKind) -> usize {
    steps.iter().filter(|step| step.kind == kind).count()
}

/// The model crate holds kinds and order against what runs.
#[test]
fn all_work_is_in_some_step() {
    for model in crate::models() {
        let spec = model.spec();
        let steps = spec.steps();
        let totals = spec.totals().unwrap();
        let sum = |of: fn(&Step) -> u64| steps.iter().map(of).sum::<u64>();
        let biases = spec.blocks().filter_map(|block| block.se.as_ref());
        let biases: u64 = biases.map(|se| (se.channels + se.squeezed) as u64).sum();
        // The counts have the biases of linear layers and of squeeze-and-excitation as multiply-adds.
        let macs = sum(|step| step.dense_macs + step.depthwise_macs) + biases + spec.num_classes as u64;
        assert_eq!(macs, totals.macs, "{}", model.name);
        // Of the two parameters that normalisation has for each channel, one is folded into the weights.
        let shortcuts = spec.blocks().filter_map(|block| match &block.residual {
            Residual::Projection(unit) => Some(unit),
            _ => None,
        });
        let units = spec.blocks().flat_map(|block| &block.units).chain(shortcuts);
        let units = units.chain([&spec.stem.conv]).chain(&spec.head);
        let channels: usize = units.map(|unit| unit.out_channels).sum();
        assert_eq!(sum(|step| step.weights) + channels as u64, totals.params, "{}", model.name);
    }
}

#[test]
fn steps_of_b0() {
    let steps = steps("efficientnet-b0");
    // The stem's convolution is fused with the first block's depthwise one, every other block's expansion with its own.
    assert_eq!(
        [StepKind::Stem, StepKind::Depthwise, StepKind::Excite].map(|kind| count(&steps, kind)),
        [1, 15, 16]
    );
    assert_eq!(count(&steps, StepKind::Dense), 16 + 1);
    assert_eq!(count(&steps, StepKind::Pass), 0);
    assert_eq!(steps[0].written, 32 * 112 * 112);
    assert_eq!(steps[0].made, 2 * 32 * 112 * 112);
    // The head's map is wanted for its mean only.
    assert_eq!(steps[steps.len() - 3].written, 0);
    // A stage's second block: the projection adds the block's input.
    let second = steps.iter().filter(|step| step.kind == StepKind::Dense).nth(2).unwrap();
    assert_eq!(second.read, (144 + 24) * 56 * 56);
}

#[test]
fn what_cannot_be_fused_is_a_pass_of_its_own() {
    let v2 = steps("efficientnetv2-b0");
    assert_eq!(count(&v2, StepKind::Pass), 0);
    let resnet = steps("resnet50");
    assert_eq!(count(&resnet, StepKind::Pass), 1, "max pooling");
    assert!(resnet.iter().all(|step| step.exponentials == 0));
    // Sums over a map that no depthwise convolution made.
    let fused = ArchSpec::named("efficientnet-edgetpu-s").unwrap();
    let mut rows = fused.baseline.rows.clone();
    rows.iter_mut().for_each(|row| row.se_ratio = Some(0.25));
    let baseline = crate::Baseline { rows, ..fused.baseline.clone() };
    let blocks = fused.blocks().filter(|block| !block.units.iter().any(ConvUnit::is_depthwise)).count();
    let steps = baseline.scaled(fused.coefficients, 0.0).unwrap().steps();
    assert!(blocks > 0);
    assert_eq!(count(&steps, StepKind::Pass), blocks);
}
