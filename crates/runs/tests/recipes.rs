//! Recipes as they are read, written, changed and told apart.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;

use efficientnet_data::Op;
use efficientnet_runs::recipe::{self, Decay, Freeze, NAMED, OptimizerKind, Precision, Recipe, RecipeError};

fn named(name: &str) -> Recipe {
    Recipe::named(name).unwrap()
}

#[test]
fn every_committed_recipe_is_read_and_says_what_it_is_for() {
    for known in NAMED {
        let recipe = named(known.name);
        assert_eq!(recipe.name, known.name);
        assert_eq!(Recipe::parse(&recipe.to_toml().unwrap(), "dump").unwrap(), recipe, "{}", known.name);
        for word in ["# For:", "# Source:", "# Time:"] {
            assert!(known.text.contains(word), "{} lacks {word}", known.name);
        }
    }
    let in_folder = std::fs::read_dir("../../recipes").unwrap().count();
    assert_eq!(in_folder, NAMED.len(), "a recipe in recipes/ is not part of the program");
}

#[test]
fn the_official_recipe_has_the_official_numbers() {
    let official = named("official");
    let rms = OptimizerKind::RmsPropTf { decay: 0.9, momentum: 0.9, epsilon: 1e-3 };
    assert_eq!(official.optimizer.kind, rms);
    let optimizer = official.optimizer;
    assert_eq!((optimizer.weight_decay, optimizer.decay_norm, optimizer.decay_bias), (1e-5, false, true));
    let schedule = official.schedule;
    assert_eq!((schedule.peak(256), schedule.peak(4096)), (0.016, 0.256));
    assert_eq!((schedule.warmup_epochs, schedule.warmup_from), (5.0, 0.0));
    assert_eq!(schedule.decay, Decay::Staircase { factor: 0.97, every_epochs: 2.4 });
    let average = official.average.unwrap();
    assert_eq!((average.decay, average.ramp), (0.9999, true));
    assert_eq!((official.training.epochs, official.training.label_smoothing), (350, 0.1));
    assert_eq!(official.training.precision, Precision::Bf16);
    let spec = official.model.spec(224).unwrap();
    assert_eq!(spec, efficientnet_arch::ArchSpec::named("efficientnet-b0").unwrap());
    assert!(official.data.transform.to_string().contains("autoaugment(v0)"));
}

/// Nothing but what has no default.
const LEAST: &str = r#"
name = "least"
[model]
name = "efficientnet-b0"
[data]
train = "photographs"
transform = "random_resized_crop(64) | normalize(imagenet)"
eval_transform = "squash(64, bicubic) | normalize(imagenet)"
batch_size = 8
[training]
epochs = 1
[optimizer]
kind = "sgd"
[schedule]
rate = 1
"#;

#[test]
fn what_is_not_said_is_written_out() {
    let least = Recipe::parse(LEAST, "least.toml").unwrap();
    assert_eq!(least.model.freeze, Freeze::None);
    assert_eq!(least.optimizer.kind, OptimizerKind::Sgd { momentum: 0.9, nesterov: true });
    assert_eq!((least.average, least.progressive), (None, None));
    let dump = least.to_toml().unwrap();
    for line in [
        "seed = 0",
        "freeze = \"none\"",
        "repeats = 1",
        "on_error = \"stop\"",
        "precision = \"f32\"",
        "momentum = 0.9",
        "layer_decay = 1.0",
        "decay = \"constant\"",
        "last = 3",
    ] {
        assert!(dump.lines().any(|found| found == line), "{line} is not in\n{dump}");
    }
    assert_eq!(Recipe::parse(&dump, "dump").unwrap(), least);
    assert_eq!(toml::from_str::<Recipe>(&dump).unwrap(), least);
}

#[test]
fn what_has_no_default_is_missed() {
    let lines: Vec<&str> = LEAST.lines().filter(|line| line.contains('=')).collect();
    for line in lines {
        let error = Recipe::parse(&LEAST.replace(line, ""), "least.toml").unwrap_err();
        let RecipeError::Key { key, message, .. } = error else { panic!("{error}") };
        assert!(key.ends_with(line.split(' ').next().unwrap()), "{key}, but {line} is missing");
        assert_eq!(message, format!("`{key}` is missing, and has no default"));
    }
}

#[test]
fn every_kind_of_optimizer_and_decay_goes_round() {
    for kind in ["rmsprop_tf", "sgd", "adamw", "lamb"] {
        for decay in ["constant", "staircase", "cosine", "linear"] {
            let settings = [format!("optimizer.kind={kind}"), format!("schedule.decay={decay}")];
            let recipe = named("official").with_all(settings.iter().map(String::as_str)).unwrap();
            let dump = recipe.to_toml().unwrap();
            assert!(
                dump.contains(&format!("kind = \"{kind}\""))
                    && dump.contains(&format!("decay = \"{decay}\""))
            );
            assert_eq!(Recipe::parse(&dump, "dump").unwrap(), recipe);
        }
    }
}

#[test]
fn settings_are_read_as_their_key_says() {
    let cifar = named("cifar");
    let set = |setting: &str| cifar.with(setting).unwrap_or_else(|error| panic!("{setting}: {error}"));
    assert_eq!(set("schedule.rate=0.01").schedule.rate, 0.01);
    assert_eq!(set("schedule.rate = 1").schedule.rate, 1.0);
    assert_eq!(set("name=2026").name, "2026");
    assert_eq!(set("data.train=true").data.train, "true");
    assert_eq!(set("data.train=\"a = b\"").data.train, "a = b");
    assert_eq!(
        set("data.train=shapes(images=100, size=32, seed=0)").data.train,
        "shapes(images=100, size=32, seed=0)"
    );
    assert_eq!(set("model.freeze=3").model.freeze, Freeze::Stages(3));
    assert_eq!(set("model.freeze=backbone").model.freeze, Freeze::Backbone);
    assert_eq!(set("training.precision=bf16").training.precision, Precision::Bf16);
    assert_eq!(set("model.blocks=").model.blocks, None);
    assert_eq!(set("average=").average, None);
    assert_eq!(set("optimizer.kind=adamw").optimizer.weight_decay, cifar.optimizer.weight_decay);
    let squashed = set("data.transform=squash(32, bicubic) | normalize(imagenet)").data.transform;
    assert_eq!(squashed.to_string(), "decode | squash(32, bicubic) | normalize(imagenet)");
    let with = cifar.with_all(["data.holdout=0.1", "data.validation=", "progressive.stages=2"]).unwrap();
    assert_eq!((with.data.holdout, with.data.validation), (Some(0.1), None));
    assert_eq!(with.progressive.unwrap().stages, 2);
    assert_eq!(cifar.with_all([]).unwrap(), cifar);
    let adamw = cifar.with_all(["optimizer.beta1=0.8", "optimizer.kind=adamw"]).unwrap().optimizer.kind;
    assert_eq!(adamw, OptimizerKind::AdamW { beta1: 0.8, beta2: 0.999, epsilon: 1e-8 });
    let slow = cifar.with_all(["optimizer.kind=sgd", "optimizer.momentum=0.5"]).unwrap();
    assert_eq!(slow.with("optimizer.kind=sgd").unwrap(), slow);
}

#[test]
fn the_hash_is_that_of_the_results() {
    let hash = |recipe: &Recipe, setting: &str| recipe.with(setting).unwrap().hash().unwrap();
    let official = named("official");
    let own = official.hash().unwrap();
    assert_eq!(own.len(), 64);
    for same in
        ["name=other", "keep.last=7", "data.workers=3", "schedule.warmup_from=0.0", "training.epochs=400"]
    {
        assert_eq!(hash(&official, same), own, "{same}");
        assert_eq!(official.differences(&official.with(same).unwrap()).unwrap(), [], "{same}");
    }
    for other in ["seed=1", "schedule.rate=0.017", "data.batch_size=1024", "model.dropout=0.3", "average="] {
        assert_ne!(hash(&official, other), own, "{other}");
    }
    // The rate of a cosine and the stages of progressive learning depend on the length.
    for name in ["cifar", "v2-progressive"] {
        assert_ne!(hash(&named(name), "training.epochs=400"), named(name).hash().unwrap(), "{name}");
    }
}

#[test]
fn what_makes_another_run_is_named() {
    let official = named("official");
    let other = official.with_all(["schedule.rate=0.02", "average=", "keep.last=9", "seed=3"]).unwrap();
    let differences = official.differences(&other).unwrap();
    let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "`seed` is 0 here and 3 there",
            "`schedule.rate` is 0.016 here and 0.02 there",
            "`average.decay` is 0.9999 here and not given there",
            "`average.ramp` is true here and not given there",
        ]
    );
}

/// google/automl for V2-S: `int(128 + (300 - 128) * (stage + 1) / 4)`, `linspace(5, 10, 4)`, and 350 epochs in stages that
/// begin at `int(stage / 4 * 350)`.
#[test]
fn progressive_learning_has_the_official_stages() {
    let v2 = named("v2-progressive");
    let mut stages = Vec::new();
    for epoch in 0..350 {
        let now = v2.in_epoch(epoch).unwrap();
        if stages.last().is_none_or(|(_, stage, _, _)| *stage != now.stage) {
            let magnitude = now.transform.ops().into_iter().find_map(|op| match op {
                Op::RandAugment { magnitude, .. } => Some(magnitude),
                _ => None,
            });
            stages.push((
                epoch,
                now.stage,
                now.transform.output_size()[0],
                (magnitude.unwrap() * 10.0).round(),
            ));
        }
    }
    assert_eq!(stages, [(0, 0, 171, 50.0), (87, 1, 214, 67.0), (175, 2, 257, 83.0), (262, 3, 300, 100.0)]);
    assert_eq!(v2.in_epoch(u64::MAX).unwrap().stage, 3);
    assert_eq!(v2.in_epoch(0).unwrap().dropout, Some(0.2));
}

#[test]
fn every_strength_may_grow() {
    let transform = "data.transform=random_resized_crop(64) | randaugment(1, 3) | normalize(automl) | mixup(1) | cutmix(1)";
    let settings = [
        transform,
        "progressive.mixup=[0, 0.5]",
        "progressive.cutmix=[0, 0.2]",
        "progressive.dropout=[0.1, 0.4]",
        "progressive.stages=3",
    ];
    let grown = named("v2-progressive").with_all(settings).unwrap();
    let middle = grown.in_epoch(175).unwrap();
    let expected = "decode | random_resized_crop(242, 0.08..1, 3/4..4/3, bicubic) | randaugment(1, 7.5) | normalize(automl) | mixup(0.25) | cutmix(0.1)";
    assert_eq!((middle.stage, middle.transform.to_string().as_str()), (1, expected));
    assert_eq!(middle.dropout, Some(0.25));
    // Without the table an epoch is as the recipe says.
    let plain = grown.with("progressive=").unwrap();
    let epoch = plain.in_epoch(3).unwrap();
    assert_eq!((epoch.stage, epoch.transform, epoch.dropout), (0, plain.data.transform, Some(0.2)));
}

#[test]
fn a_network_of_ones_own_is_scaled() {
    let cifar = named("cifar");
    let spec = cifar.model.spec(32).unwrap();
    assert_eq!(spec.name, "efficientnet-b0 (its own)");
    assert_eq!(spec.blocks().map(efficientnet_arch::Block::stride).product::<usize>(), 4);
    assert_eq!(spec.batch_norm.momentum, 0.1);
    let wide = cifar.with("model.width=1").unwrap().model.spec(32).unwrap();
    assert!(wide.count().unwrap().macs > 2 * spec.count().unwrap().macs);
}

/// docs/recipes.md has a row for every key, and no other rows.
#[test]
fn every_key_is_documented() {
    let docs = std::fs::read_to_string("../../docs/recipes.md").unwrap();
    let (mut documented, mut table) = (BTreeSet::new(), None);
    for line in docs.lines() {
        if line.starts_with('#') {
            let heading = line.strip_prefix("### `[").and_then(|rest| rest.strip_suffix("]`"));
            let named = heading.map(|name| format!("{name}."));
            table = named.or_else(|| (line == "### At the top").then(String::new));
        }
        let key = line.strip_prefix("| `").and_then(|rest| rest.split_once("` |"));
        documented.extend(table.iter().zip(key).map(|(table, (key, _))| format!("{table}{key}")));
    }
    let known: BTreeSet<String> = recipe::keys().into_iter().collect();
    assert_eq!(documented, known);
}
