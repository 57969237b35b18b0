//! What a recipe has to satisfy beyond its grammar.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::error::Problem;
use super::{Decay, Freeze, OptimizerKind, Recipe};

/// TOML has no larger whole numbers.
const MOST: u64 = i64::MAX as u64;

/// The first thing that does not fit, if anything does not.
pub(super) fn check(recipe: &Recipe) -> Result<(), Problem> {
    let checks = [identity, model, data, training, optimizer, schedule, average, progressive, keep];
    checks.iter().try_for_each(|check| check(recipe))
}

fn identity(recipe: &Recipe) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = &recipe.name;
    let named = (1..=100).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.');
    let what =
        "names the run's folder, so it is made of letters, digits, `-`, `_` and `.`, which is not the first";
    ensure(named, "name", what)?;
    whole("seed", recipe.seed, 0..=MOST)
}

fn model(recipe: &Recipe) -> Result<(), Problem> {
    let model = &recipe.model;
    if let Err(error) = efficientnet_arch::ArchSpec::named(&model.name) {
        return Err(Problem { key: "model.name".to_string(), message: format!("`model.name`: {error}") });
    }
    for (key, value) in [("model.width", model.width), ("model.depth", model.depth)] {
        value.map_or(Ok(()), |value| {
            number(key, value, value > 0.0 && value <= 50.0, "above 0, at most 50")
        })?;
    }
    ensure(model.blocks.as_ref().is_none_or(|rows| !rows.is_empty()), "model.blocks", "has no block string")?;
    for (key, value) in [("model.dropout", model.dropout), ("model.drop_path", model.drop_path)] {
        value.map_or(Ok(()), |value| probability(key, value))?;
    }
    if let Some(value) = model.bn_momentum {
        number("model.bn_momentum", value, value > 0.0 && value <= 1.0, "above 0, at most 1")?;
    }
    model.bn_epsilon.map_or(Ok(()), |value| positive("model.bn_epsilon", value))?;
    ensure(model.init.as_ref().is_none_or(|init| !init.is_empty()), "model.init", "is empty")?;

    let [height, width] = recipe.data.eval_transform.output_size();
    let spec = model.spec(height.max(width));
    let spec = spec.map_err(|error| Problem::new("model", format!("is no network: {error}")))?;
    match model.freeze {
        Freeze::Stages(count) if count > spec.stages.len() => {
            let what = format!("is {count}, but {} has {} stages", spec.name, spec.stages.len());
            Err(Problem::new("model.freeze", what))
        }
        _ => Ok(()),
    }
}

fn data(recipe: &Recipe) -> Result<(), Problem> {
    let data = &recipe.data;
    ensure(!data.train.is_empty(), "data.train", "is empty")?;
    ensure(data.validation.as_ref().is_none_or(|spec| !spec.is_empty()), "data.validation", "is empty")?;
    let both = data.validation.is_some() && data.holdout.is_some();
    ensure(!both, "data.holdout", "stands beside `data.validation`; give one of them")?;
    if let Some(value) = data.holdout {
        number("data.holdout", value, value > 0.0 && value < 1.0, "above 0 and below 1")?;
    }
    let is_fixed = !data.eval_transform.is_random() && data.eval_transform.batch_ops().is_empty();
    let what =
        "is random; what is measured must not depend on a seed, so take `resize`, `squash` and `center_crop`";
    ensure(is_fixed, "data.eval_transform", what)?;
    let same = data.eval_transform.normalization() == data.transform.normalization();
    ensure(same, "data.eval_transform", "ends in another `normalize` than `data.transform`")?;
    whole("data.batch_size", data.batch_size as u64, 1..=10_000_000)?;
    whole("data.repeats", data.repeats as u64, 1..=1000)?;
    data.workers.map_or(Ok(()), |value| whole("data.workers", value as u64, 0..=4096))
}

fn training(recipe: &Recipe) -> Result<(), Problem> {
    let (training, batch) = (&recipe.training, recipe.data.batch_size);
    whole("training.epochs", training.epochs, 1..=10_000_000)?;
    whole("training.accumulate", training.accumulate as u64, 1..=10_000_000)?;
    let divides = batch.is_multiple_of(training.accumulate);
    let what = format!("is {}, which does not divide `data.batch_size`, {batch}", training.accumulate);
    ensure(divides, "training.accumulate", what)?;
    probability("training.label_smoothing", training.label_smoothing)?;
    training.clip_norm.map_or(Ok(()), |value| positive("training.clip_norm", value))
}

fn optimizer(recipe: &Recipe) -> Result<(), Problem> {
    let optimizer = &recipe.optimizer;
    match optimizer.kind {
        OptimizerKind::RmsPropTf { decay, momentum, epsilon } => {
            probability("optimizer.decay", decay)?;
            probability("optimizer.momentum", momentum)?;
            positive("optimizer.epsilon", epsilon)?;
        }
        OptimizerKind::Sgd { momentum, nesterov } => {
            probability("optimizer.momentum", momentum)?;
            ensure(!nesterov || momentum > 0.0, "optimizer.nesterov", "needs a `momentum` above 0")?;
        }
        OptimizerKind::AdamW { beta1, beta2, epsilon } | OptimizerKind::Lamb { beta1, beta2, epsilon } => {
            probability("optimizer.beta1", beta1)?;
            probability("optimizer.beta2", beta2)?;
            positive("optimizer.epsilon", epsilon)?;
        }
    }
    let decay = optimizer.weight_decay;
    number("optimizer.weight_decay", decay, decay >= 0.0, "0 or more")?;
    let layer = optimizer.layer_decay;
    number("optimizer.layer_decay", layer, layer > 0.0 && layer <= 1.0, "above 0, at most 1")?;
    positive("optimizer.head_rate", optimizer.head_rate)
}

fn schedule(recipe: &Recipe) -> Result<(), Problem> {
    let schedule = &recipe.schedule;
    positive("schedule.rate", schedule.rate)?;
    let per = schedule.rate_per_images;
    per.map_or(Ok(()), |value| whole("schedule.rate_per_images", value as u64, 1..=10_000_000))?;
    let (warmup, epochs) = (schedule.warmup_epochs, recipe.training.epochs);
    let range = format!("0 to `training.epochs`, {epochs}");
    number("schedule.warmup_epochs", warmup, (0.0..=epochs as f64).contains(&warmup), &range)?;
    share("schedule.warmup_from", schedule.warmup_from)?;
    match schedule.decay {
        Decay::Constant => Ok(()),
        Decay::Staircase { factor, every_epochs } => {
            number("schedule.factor", factor, factor > 0.0 && factor <= 1.0, "above 0, at most 1")?;
            positive("schedule.every_epochs", every_epochs)
        }
        Decay::Cosine { final_share } | Decay::Linear { final_share } => {
            share("schedule.final_share", final_share)
        }
    }
}

fn average(recipe: &Recipe) -> Result<(), Problem> {
    recipe.average.map_or(Ok(()), |average| probability("average.decay", average.decay))
}

fn progressive(recipe: &Recipe) -> Result<(), Problem> {
    let Some(progressive) = recipe.progressive else { return Ok(()) };
    whole("progressive.stages", progressive.stages, 1..=recipe.training.epochs)?;
    for (key, pair) in [
        ("progressive.randaugment", progressive.randaugment),
        ("progressive.mixup", progressive.mixup),
        ("progressive.cutmix", progressive.cutmix),
    ] {
        for value in pair.into_iter().flatten() {
            number(key, value, value >= 0.0, "0 or more")?;
        }
    }
    for value in progressive.dropout.into_iter().flatten() {
        probability("progressive.dropout", value)?;
    }
    // Between its ends everything is monotonic, so what the first and the last stage can do all can.
    [0, progressive.stages - 1].iter().try_for_each(|stage| recipe.in_stage(&progressive, *stage).map(|_| ()))
}

fn keep(recipe: &Recipe) -> Result<(), Problem> {
    whole("evaluate.every_epochs", recipe.evaluate.every_epochs, 1..=MOST)?;
    let keep = &recipe.keep;
    keep.every_steps.map_or(Ok(()), |value| whole("keep.every_steps", value, 1..=MOST))?;
    whole("keep.every_epochs", keep.every_epochs, 1..=MOST)?;
    whole("keep.last", keep.last as u64, 1..=MOST)?;
    whole("keep.best", keep.best as u64, 0..=MOST)
}

fn ensure(holds: bool, key: &str, what: impl Display) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::new(key, what)) }
}

/// `holds` is false for what is not a number, too.
fn number(key: &str, value: f64, holds: bool, range: &str) -> Result<(), Problem> {
    ensure(holds && value.is_finite(), key, format!("is {value}; it must be a number, {range}"))
}

fn positive(key: &str, value: f64) -> Result<(), Problem> {
    number(key, value, value > 0.0, "above 0")
}

/// From 0 up to but not 1: with 1 nothing would be left.
fn probability(key: &str, value: f64) -> Result<(), Problem> {
    number(key, value, (0.0..1.0).contains(&value), "0 or more and below 1")
}

fn share(key: &str, value: f64) -> Result<(), Problem> {
    number(key, value, (0.0..=1.0).contains(&value), "0 to 1")
}

fn whole(key: &str, value: u64, range: RangeInclusive<u64>) -> Result<(), Problem> {
    let wanted = match (range.start(), range.end()) {
        (low, high) if *high < MOST => format!("{low} to {high}"),
        (_, high) if value > *high => format!("at most {high}"),
        (low, _) => format!("at least {low}"),
    };
    ensure(range.contains(&value), key, format!("is {value}; it must be {wanted}"))
}
