//! What is said of a recipe that is wrong: one sentence, with the place.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use efficientnet_runs::recipe::{Place, Recipe, RecipeError};

const RECIPE: &str = r#"name = "mine"

[model]
name = "efficientnet-b0"

[data]
train = "photographs"
transform = "random_resized_crop(64) | normalize(imagenet)"
eval_transform = "squash(64, bicubic) | normalize(imagenet)"
batch_size = 8

[training]
epochs = 3

[optimizer]
kind = "sgd"

[schedule]
rate = 0.1
"#;

/// The message for the recipe with a line exchanged; a line may have several in it.
fn error(line: &str, by: &str) -> String {
    assert!(RECIPE.contains(line), "{line}");
    Recipe::parse(&RECIPE.replacen(line, by, 1), "mine.toml").unwrap_err().to_string()
}

#[test]
fn keys() {
    for (line, by, expected) in [
        (
            "epochs",
            "epoch",
            "mine.toml, line 13, column 1: there is no `training.epoch`; did you mean `training.epochs`?",
        ),
        (
            "[schedule]",
            "[shedule]",
            "mine.toml, line 18, column 2: there is no `shedule`; did you mean `schedule`?",
        ),
        (
            "kind = \"sgd\"",
            "kind = \"sgd\"\nrate = 1",
            "mine.toml, line 17, column 1: there is no `optimizer.rate`; did you mean `schedule.rate`?",
        ),
        (
            "epochs = 3",
            "epochs = 3\nxyzzy = 1",
            "mine.toml, line 14, column 1: there is no `training.xyzzy`; known here are epochs, accumulate, \
             label_smoothing, clip_norm, gradient_checkpointing, precision, sync_norm",
        ),
        ("rate = 0.1", "", "mine.toml, line 18, column 2: `schedule.rate` is missing, and has no default"),
        ("[training]\nepochs = 3\n", "", "mine.toml: `training.epochs` is missing, and has no default"),
        (
            "name = \"mine\"",
            "name = \"mine\"\nkeep = 3",
            "mine.toml, line 2, column 8: `keep` is a table: its keys stand below a line [keep]",
        ),
        (
            "kind = \"sgd\"",
            "kind = \"sgd\"\nbeta1 = 0.5",
            "mine.toml, line 17, column 9: `optimizer.beta1` is no parameter of sgd, which has momentum, nesterov",
        ),
        (
            "rate = 0.1",
            "rate = 0.1\nfactor = 0.5",
            "mine.toml, line 20, column 10: `schedule.factor` is no parameter of the decay constant, which has none",
        ),
        (
            "epochs = 3",
            "epochs = 3\nepochs = 4",
            "mine.toml, line 14, column 1: this is no TOML (duplicate key)",
        ),
    ] {
        assert_eq!(error(line, by), expected);
    }
}

#[test]
fn types() {
    for (line, by, expected) in [
        (
            "rate = 0.1",
            "rate = \"fast\"",
            "line 19, column 8: `schedule.rate` is the text \"fast\", but a number is expected",
        ),
        (
            "epochs = 3",
            "epochs = 2.5",
            "line 13, column 10: `training.epochs` is the number `2.5`, but a whole number from 0 is expected",
        ),
        (
            "epochs = 3",
            "epochs = -3",
            "line 13, column 10: `training.epochs` is the number `-3`, but a whole number from 0 is expected",
        ),
        (
            "train = \"photographs\"",
            "train = 3",
            "line 7, column 9: `data.train` is the number `3`, but a text is expected",
        ),
        (
            "kind = \"sgd\"",
            "kind = \"sgd\"\nnesterov = 1",
            "line 17, column 12: `optimizer.nesterov` is the number `1`, but true or false is expected",
        ),
        (
            "kind = \"sgd\"",
            "kind = \"adam\"",
            "line 16, column 8: `optimizer.kind` cannot be `adam`; it is one of `rmsprop_tf`, `sgd`, `adamw`, `lamb`",
        ),
        (
            "epochs = 3",
            "epochs = 3\nprecision = \"f64\"",
            "line 14, column 13: `training.precision` cannot be `f64`; it is one of `f32`, `bf16`, `f16`",
        ),
        (
            "name = \"efficientnet-b0\"",
            "name = \"efficientnet-b0\"\nfreeze = \"all\"",
            "line 5, column 10: `model.freeze` is the text \"all\", but \"none\", \"backbone\" or a number of stages is expected",
        ),
        (
            "rate = 0.1",
            "rate = 0.1\n[progressive]\nstages = 2\nsize = [32]",
            "line 22, column 8: `progressive.size` is a list of 1, but a pair like [1, 2] is expected",
        ),
    ] {
        assert_eq!(error(line, by), format!("mine.toml, {expected}"));
    }
}

#[test]
fn values() {
    for (line, by, expected) in [
        (
            "rate = 0.1",
            "rate = nan",
            "line 19, column 8: `schedule.rate` is NaN; it must be a number, above 0",
        ),
        (
            "rate = 0.1",
            "rate = inf",
            "line 19, column 8: `schedule.rate` is inf; it must be a number, above 0",
        ),
        (
            "rate = 0.1",
            "rate = -0.1",
            "line 19, column 8: `schedule.rate` is -0.1; it must be a number, above 0",
        ),
        (
            "name = \"mine\"",
            "name = \"mine\"\nseed = 18446744073709551615",
            "line 2, column 8: `seed` is 18446744073709551615; it must be at most 9223372036854775807",
        ),
        ("epochs = 3", "epochs = 0", "line 13, column 10: `training.epochs` is 0; it must be 1 to 10000000"),
        (
            "batch_size = 8",
            "batch_size = 0",
            "line 10, column 14: `data.batch_size` is 0; it must be 1 to 10000000",
        ),
        (
            "epochs = 3",
            "epochs = 3\naccumulate = 3",
            "line 14, column 14: `training.accumulate` is 3, which does not divide `data.batch_size`, 8",
        ),
        (
            "batch_size = 8",
            "batch_size = 8\nholdout = 1",
            "line 11, column 11: `data.holdout` is 1; it must be a number, above 0 and below 1",
        ),
        (
            "batch_size = 8",
            "holdout = 0.1\nvalidation = \"b\"\nbatch_size = 8",
            "line 10, column 11: `data.holdout` stands beside `data.validation`; give one of them",
        ),
        (
            "rate = 0.1",
            "rate = 0.1\nwarmup_epochs = 4",
            "line 20, column 17: `schedule.warmup_epochs` is 4; it must be a number, 0 to `training.epochs`, 3",
        ),
        (
            "squash(64, bicubic)",
            "random_crop(64)",
            "line 9, column 18: `data.eval_transform` is random; what is measured must not depend on a seed, so take \
             `resize`, `squash` and `center_crop`",
        ),
        (
            "squash(64, bicubic) | normalize(imagenet)",
            "squash(64, bicubic) | normalize(automl)",
            "line 9, column 18: `data.eval_transform` ends in another `normalize` than `data.transform`",
        ),
        (
            "efficientnet-b0",
            "efficientnet-b00",
            "line 4, column 8: `model.name`: no network is called `efficientnet-b00`; did you mean efficientnet-b0, \
             efficientnet-b1, efficientnet-b2? (`efficientnet models` lists them all)",
        ),
        (
            "name = \"efficientnet-b0\"",
            "name = \"efficientnet-b0\"\nfreeze = 8",
            "line 5, column 10: `model.freeze` is 8, but efficientnet-b0 has 7 stages",
        ),
        (
            "name = \"mine\"",
            "name = \"../mine\"",
            "line 1, column 8: `name` names the run's folder, so it is made of letters, digits, `-`, `_` and `.`, \
             which is not the first",
        ),
        (
            "rate = 0.1",
            "rate = 0.1\n[progressive]\nstages = 2\nmixup = [0, 1]",
            "line 22, column 9: `progressive.mixup` needs a `mixup` in `data.transform` whose strength it sets",
        ),
        (
            "rate = 0.1",
            "rate = 0.1\n[average]\ndecay = 1",
            "line 21, column 9: `average.decay` is 1; it must be a number, 0 or more and below 1",
        ),
    ] {
        assert_eq!(error(line, by), format!("mine.toml, {expected}"));
    }
}

/// The column is that inside the line, and the line is shown with the place marked.
#[test]
fn transforms() {
    let transform = "transform = \"random_resized_crop(64, cubic) | normalize(imagenet)\"";
    let message = error("transform = \"random_resized_crop(64) | normalize(imagenet)\"", transform);
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[0].starts_with("mine.toml, line 8, column 38: `data.transform`: "), "{message}");
    assert_eq!(transform.find("cubic"), Some(37));
    assert_eq!(lines[2].find('^'), lines[1].find("cubic"), "{message}");
}

#[test]
fn blocks_are_named() {
    let message = error(
        "name = \"efficientnet-b0\"",
        "name = \"efficientnet-b0\"\nblocks = [\"r1_k3_s1_e1_i8_o8\", \"r1_x3\"]",
    );
    assert!(message.starts_with("mine.toml, line 5, column 10: `model.blocks` "), "{message}");
    assert!(message.contains("`r1_x3`"), "{message}");
    assert!(
        error("name = \"efficientnet-b0\"", "name = \"efficientnet-b0\"\nblocks = []")
            .contains("has no block string")
    );
}

#[test]
fn settings() {
    let recipe = Recipe::parse(RECIPE, "mine.toml").unwrap();
    for (settings, expected) in [
        (
            &["schedule.rate=fast"][..],
            "`schedule.rate=fast`: `schedule.rate` is the text \"fast\", but a number is expected",
        ),
        (
            &["training.epochs=0.5"],
            "`training.epochs=0.5`: `training.epochs` is the number `0.5`, but a whole number from 0 is expected",
        ),
        (&["rate"], "`rate`: a setting is a key and its value, like `schedule.rate=0.01`"),
        (
            &["lr=1"],
            "`lr=1`: there is no `lr`; known here are name, seed, model, data, training, optimizer, schedule, average, progressive, evaluate, keep",
        ),
        (
            &["name.first=x"],
            "`name.first=x`: there is no `name.first`; known here are name, seed, model, data, training, optimizer, schedule, average, progressive, evaluate, keep",
        ),
        (
            &["schedule.rate.peak=1"],
            "`schedule.rate.peak=1`: there is no `schedule.rate.peak`; known here are rate, rate_per_images, warmup_epochs, warmup_from, decay, factor, every_epochs, final_share",
        ),
        (&["model=3"], "`model=3`: `model` is a table: its keys stand below a line [model]"),
        (&["schedule.rate="], "`schedule.rate=`: `schedule.rate` is missing, and has no default"),
        (
            &["data.holdout=0.2", "data.holdout=2", "seed=1"],
            "`data.holdout=2`: `data.holdout` is 2; it must be a number, above 0 and below 1",
        ),
        (
            &["training.epochs=1\n[keep]"],
            "`training.epochs=1\n[keep]`: `training.epochs` is the text \"1\\n[keep]\", but a whole number from 0 is expected",
        ),
    ] {
        assert_eq!(recipe.with_all(settings.iter().copied()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipe.toml");
    let error = || Recipe::load(&path).unwrap_err().to_string();
    assert!(error().starts_with(&format!("{} cannot be read as a recipe: ", path.display())));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(error().ends_with("it is no UTF-8 text"));
    std::fs::write(&path, vec![b'#'; 1 << 21]).unwrap();
    assert!(error().ends_with("it has more than 1048576 bytes, and a recipe is a page of text"));
    std::fs::write(&path, RECIPE).unwrap();
    let name = path.to_str().unwrap();
    assert_eq!(Recipe::open(name).unwrap(), Recipe::load(&path).unwrap());
    assert_eq!(Recipe::open("cifar").unwrap().name, "cifar");
    let error = Recipe::named("transfr").unwrap_err().to_string();
    assert_eq!(error, "no recipe is called `transfr`; did you mean transfer?");
}

#[test]
fn places_are_counted_as_editors_do() {
    let error = Recipe::parse("name = \"é\" x", "mine.toml").unwrap_err();
    let RecipeError::Syntax { place, .. } = error else { panic!("{error}") };
    assert_eq!(place, Place { line: 1, column: 12 });
}
