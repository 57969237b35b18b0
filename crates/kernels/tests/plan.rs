//! A plan as its user meets it: what is refused and how, several threads and sizes at once.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use efficientnet_kernels::{
    Activation, Conv, Images, Isa, Options, Padding, Plan, PlanBuilder, PlanError, Residual, ResidualOrder,
    SqueezeExcite, Value,
};

fn options() -> Options {
    Options { threads: 2, ..Options::default() }
}

fn conv<'a>(out_channels: usize, kernel: usize, stride: usize, weight: &'a [f32]) -> Conv<'a> {
    Conv {
        out_channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: Padding::NONE,
        groups: 1,
        weight,
        bias: &[],
        activation: Activation::Silu,
        residual: None,
    }
}

/// A stem, a depthwise convolution, a product; the mean of all of it.
fn small() -> Plan {
    let mut builder = PlanBuilder::new(3, options()).unwrap();
    let weights: Vec<f32> = (0..2000).map(|i| ((i * 37 % 101) as f32 - 50.0) / 100.0).collect();
    let padding = Padding::Same;
    let x = builder.conv(builder.input(), &Conv { padding, ..conv(20, 3, 2, &weights[..540]) }).unwrap();
    let y = builder.conv(x, &Conv { padding, groups: 20, ..conv(20, 3, 1, &weights[..180]) }).unwrap();
    let z = builder.conv(y, &conv(33, 1, 1, &weights[..660])).unwrap();
    let pooled = builder.global_average_pool(z).unwrap();
    builder.build(&[pooled, z]).unwrap()
}

fn run(plan: &Plan, batch: usize, side: usize) -> Vec<efficientnet_kernels::Map> {
    let data: Vec<f32> = (0..batch * 3 * side * side).map(|i| (i % 17) as f32 / 17.0).collect();
    plan.run(Images { data: &data, batch, height: side, width: side }).unwrap()
}

#[test]
fn threads_share_a_plan() {
    let plan = small();
    let alone: Vec<_> = [(1, 40), (3, 32), (2, 17)].map(|(batch, side)| run(&plan, batch, side)).into();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    for (&(batch, side), alone) in [(1, 40), (3, 32), (2, 17)].iter().zip(&alone) {
                        assert_eq!(&run(&plan, batch, side), alone);
                    }
                }
            });
        }
    });
}

#[test]
fn an_image_does_not_depend_on_its_batch() {
    let plan = small();
    let side = 32;
    let data: Vec<f32> = (0..5 * 3 * side * side).map(|i| (i * 7 % 23) as f32 / 23.0).collect();
    let all = plan.run(Images { data: &data, batch: 5, height: side, width: side }).unwrap();
    for (i, image) in data.chunks(3 * side * side).enumerate() {
        let one = plan.run(Images { data: image, batch: 1, height: side, width: side }).unwrap();
        for (one, all) in one.iter().zip(&all) {
            assert_eq!(one.data, all.data[i * one.data.len()..(i + 1) * one.data.len()]);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut builder = PlanBuilder::new(3, options()).unwrap();
    let x = builder.input();
    let message = |error: PlanError| error.to_string();
    let short = builder.conv(x, &conv(4, 3, 1, &[0.0; 100])).unwrap_err();
    assert!(message(short).contains("has 100 numbers where 108 are needed"));
    let groups = builder.conv(x, &Conv { groups: 3, ..conv(6, 1, 1, &[0.0; 6]) }).unwrap_err();
    assert!(matches!(groups, PlanError::Groups { in_channels: 3, out_channels: 6, groups: 3 }));
    assert!(matches!(builder.conv(x, &conv(1, 1, 0, &[0.0; 3])), Err(PlanError::Size { found: 0, .. })));
    assert!(matches!(builder.conv(x, &conv(1, 17, 1, &[])), Err(PlanError::Size { found: 17, .. })));
    let mut other = PlanBuilder::new(3, options()).unwrap();
    let foreign: Value = other.conv(other.input(), &conv(1, 1, 1, &[0.0; 3])).unwrap();
    assert_eq!(builder.conv(foreign, &conv(1, 1, 1, &[0.0])), Err(PlanError::UnknownValue(1)));
}

#[test]
fn sizes_are_checked_when_they_are_known() {
    let mut builder = PlanBuilder::new(1, options()).unwrap();
    let x = builder.input();
    let y = builder.conv(x, &conv(1, 3, 1, &[0.1; 9])).unwrap();
    let residual = Some(Residual { value: x, order: ResidualOrder::AfterActivation });
    let z = builder.conv(y, &Conv { residual, ..conv(1, 1, 1, &[0.1]) }).unwrap();
    let plan = builder.build(&[z]).unwrap();
    let of =
        |side: usize| plan.run(Images { data: &vec![0.0; side * side], batch: 1, height: side, width: side });
    assert_eq!(of(5), Err(PlanError::Residual { residual: [1, 5, 5], result: [1, 3, 3] }));
    assert_eq!(of(2), Err(PlanError::TooSmall { height: 2, width: 2 }));
    assert!(matches!(of(0), Err(PlanError::Size { found: 0, .. })));
    let wrong = plan.run(Images { data: &[0.0; 7], batch: 1, height: 3, width: 3 });
    assert!(matches!(wrong, Err(PlanError::Length { expected: 9, found: 7, .. })));
}

#[test]
fn a_profile_counts_what_was_done() {
    let plan = small();
    let data = vec![0.5; 3 * 32 * 32];
    let profile = plan.profile(Images { data: &data, batch: 1, height: 32, width: 32 }, 3).unwrap();
    let macs: usize = profile.steps.iter().map(|step| step.macs).sum();
    assert_eq!(macs, 16 * 16 * (20 * 27 + 20 * 9 + 20 * 33));
    // The stem is the depthwise convolution's producer.
    assert_eq!(profile.steps[0].name, "conv 3x3/2 3-20 + depthwise 3x3/1 20");
    // Of the image, of the map in blocks and, twice, of the sums; what is fetched is what is read.
    let first = &profile.steps[0];
    assert!(first.map_bytes > 4 * 3 * 32 * 32 && first.fetched_bytes == first.weight_bytes, "{first:?}");
    assert!(profile.arena_bytes > 4 * (3 * 32 * 32 + 20 * 16 * 16));
}

/// A stem, a depthwise convolution, squeeze-and-excitation, a projection.
#[test]
fn the_weights_of_squeeze_excite_are_fetched_by_the_step_before() {
    let mut builder = PlanBuilder::new(3, options()).unwrap();
    let weights = vec![0.1; 2000];
    let x = builder.conv(builder.input(), &conv(20, 3, 2, &weights[..540])).unwrap();
    let x = builder.conv(x, &Conv { groups: 20, ..conv(20, 3, 1, &weights[..180]) }).unwrap();
    let excite = SqueezeExcite {
        squeezed: 5,
        reduce_weight: &weights[..100],
        reduce_bias: &[],
        activation: Activation::Silu,
        expand_weight: &weights[..100],
        expand_bias: &[],
        gate: Activation::Sigmoid,
    };
    let x = builder.squeeze_excite(x, &excite).unwrap();
    let x = builder.conv(x, &conv(33, 1, 1, &weights[..660])).unwrap();
    let plan = builder.build(&[x]).unwrap();
    let data = vec![0.5; 3 * 32 * 32];
    let images = Images { data: &data, batch: 1, height: 32, width: 32 };
    let [depthwise, excite, project] = &plan.profile(images, 1).unwrap().steps[..] else {
        panic!("three steps");
    };
    let ahead = if plan.isa() == Isa::Portable { 0 } else { excite.weight_bytes };
    assert_eq!(depthwise.fetched_bytes, depthwise.weight_bytes + ahead);
    assert_eq!(excite.fetched_bytes, excite.weight_bytes - ahead);
    assert_eq!(project.fetched_bytes, project.weight_bytes);
}

#[test]
fn a_roofline_has_every_step_beside_its_bounds() {
    let plan = small();
    let data = vec![0.5; 3 * 32 * 32];
    let images = Images { data: &data, batch: 1, height: 32, width: 32 };
    let roofline = plan.roofline(images, 3).unwrap();
    assert_eq!(roofline.steps.len(), plan.profile(images, 1).unwrap().steps.len());
    let (ceilings, text) = (&roofline.ceilings, roofline.to_string());
    assert_eq!((ceilings.isa, ceilings.threads), (plan.isa(), plan.threads()));
    assert!(ceilings.gflops > 0.0 && ceilings.readings.iter().all(|reading| reading.gigabytes > 0.0));
    assert!(ceilings.readings.is_sorted_by(|a, b| a.bytes < b.bytes && a.gigabytes >= b.gigabytes));
    for step in &roofline.steps {
        assert!(step.bound() > std::time::Duration::ZERO, "{step:?}");
        assert!(text.contains(&step.name()), "{text}");
    }
    assert!(text.contains("furthest from their bound: "), "{text}");
}

#[test]
fn every_step_of_any_batch_has_a_time() {
    let plan = small();
    let images = |data, batch| Images { data, batch, height: 32, width: 32 };
    let data = vec![0.5; 5 * 3 * 32 * 32];
    // One image that both threads work on; two that they take alone; both kinds.
    for batch in [1, 2, 5] {
        let times = plan.step_times(images(&data[..batch * 3 * 32 * 32], batch)).unwrap();
        assert!(times.iter().all(|time| !time.is_zero()), "{batch}: {times:?}");
        let profile = plan.profile(images(&data[..3 * 32 * 32], 1), 1).unwrap();
        assert_eq!(times.len(), profile.steps.len());
    }
    assert!(matches!(plan.step_times(images(&data, 1)), Err(PlanError::Length { .. })));
}

#[test]
fn an_instruction_set_can_be_asked_for() {
    for isa in Isa::ALL {
        let built = PlanBuilder::new(3, Options { isa: Some(isa), ..options() });
        assert_eq!(built.is_ok(), Isa::available().contains(&isa), "{isa}");
    }
}
