//! What the numbers say, in sentences that cannot say more than the numbers do.

use efficientnet_charts::number::{counted, duration, whole};

use super::figure::hundred;
use super::{Source, evolution};
use crate::analysis::{Analysis, F_LEVEL, Landscape, Line, Noise, Surface, Verdict};
use crate::{Strategies, Task};

/// Whether the search is at its end; none where it is, or where nobody knows.
pub fn unfinished(source: &Source<'_>, analysis: &Analysis) -> Option<String> {
    let ended = ended(analysis);
    if ended == 0 {
        return Some("Nothing was trained yet: no trial has ended.".to_string());
    }
    let planned = source.planned.filter(|planned| *planned > ended)?;
    Some(format!(
        "This search is not at its end: {} of {} have ended. Everything below may still change.",
        whole(ended),
        counted(planned, "trial", "trials")
    ))
}

/// Trials that ended, well or badly.
pub fn ended(analysis: &Analysis) -> u64 {
    let measured: usize = analysis.trained.iter().map(|network| network.seeds.len()).sum();
    (measured + analysis.failures.len()) as u64
}

/// The results.
pub fn findings(analysis: &Analysis) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(comparison) = &analysis.comparison {
        found.extend(comparison.overall.iter().map(|difference| difference.sentence() + "."));
        if comparison.differences.is_empty() {
            found.extend(comparison.lines.iter().filter_map(last_gain));
        }
        let told = comparison.differences.iter().filter(|d| d.verdict != Verdict::CannotBeTold).count();
        if !comparison.differences.is_empty() {
            found.push(format!(
                "Of {} at a single cost {} can be told from chance.",
                counted(comparison.differences.len() as u64, "difference", "differences"),
                whole(told as u64)
            ));
        }
    }
    if let Some(landscape) = &analysis.landscape {
        found.extend(coefficients(analysis, landscape));
    }
    if let Some(summary) = &analysis.evolution {
        found.push(evolution::verdict(summary));
    }
    found
}

/// What the last step of a line brought.
fn last_gain(line: &Line) -> Option<String> {
    let gain = line.gains.last()?;
    let told = match gain.interval {
        Some(interval) if interval.excludes_zero() => "which can be told from none",
        _ => "which cannot be told from none",
    };
    let interval = gain.interval.map_or_else(String::new, |interval| {
        format!(" ({:+.2} to {:+.2})", hundred(interval.low), hundred(interval.high))
    });
    Some(format!(
        "{}: from {:.2} to {:.2} times the cost each doubling brings {:+.2} points{interval}, {told}.",
        line.name,
        gain.from,
        gain.to,
        hundred(gain.per_doubling)
    ))
}

fn coefficients(analysis: &Analysis, landscape: &Landscape) -> Vec<String> {
    let mut found = Vec::new();
    let Some(winner) = &landscape.winner else { return found };
    let [alpha, beta, gamma] = winner.coefficients;
    let best = landscape.places.first();
    let chance = best.and_then(|place| place.best);
    let among = match landscape.rungs.first() {
        Some((epochs, networks)) if landscape.rungs.len() > 1 => format!(
            ", which are among the {} that were trained for {} only",
            counted(*networks as u64, "network", "networks"),
            counted(*epochs, "epoch", "epochs")
        ),
        _ => String::new(),
    };
    found.push(match (&winner.intervals, chance) {
        (Some(intervals), Some(chance)) => {
            let [a, b, g] = intervals.map(|quantiles| format!("{:.2} to {:.2}", quantiles.low, quantiles.high));
            format!(
                "Best coefficients: alpha {alpha:.2} ({a}), beta {beta:.2} ({b}), gamma {gamma:.2} ({g}); in brackets, where 95 % \
                 of the winners lie when the seeds are drawn again. This network comes first in {:.0} % of these draws{among}.",
                hundred(chance)
            )
        }
        _ => format!(
            "Best coefficients: alpha {alpha:.2}, beta {beta:.2}, gamma {gamma:.2}. With a single seed there is no interval."
        ),
    });
    if let Some(place) = landscape.paper.and_then(|index| landscape.places.get(index)) {
        let whose = if landscape.paper_is_exact {
            "The paper's 1.2, 1.1, 1.15"
        } else {
            "The measured network nearest to the paper's 1.2, 1.1, 1.15"
        };
        let behind = match best {
            // Top-1 after other numbers of epochs does not compare.
            Some(best) if best.epochs != place.epochs => format!(
                "it was given up after {}, the best was trained for {}",
                counted(place.epochs, "epoch", "epochs"),
                counted(best.epochs, "epoch", "epochs")
            ),
            Some(best) => format!("{:.2} points behind the best", hundred(best.corrected - place.corrected)),
            None => String::new(),
        };
        found.push(format!("{whose} has rank {} of {}, {behind}.", place.rank, landscape.places.len()));
    }
    let epochs = best.map_or(0, |place| place.epochs);
    found.extend(analysis.noise_of(epochs).and_then(told_apart));
    found.extend(landscape.surface.as_ref().map(|surface| smooth(surface, landscape.cells_epochs)));
    found
}

/// Whether networks differ by more than their seeds do.
fn told_apart(noise: &Noise) -> Option<String> {
    let chance = noise.chance?;
    Some(if chance < F_LEVEL {
        format!(
            "Taken one by one, the networks trained for {} differ by more than their seeds do (analysis of variance: {} by chance).",
            counted(noise.epochs, "epoch", "epochs"),
            probability(chance)
        )
    } else {
        format!(
            "Taken one by one, the networks trained for {} cannot be told apart: they differ no more than their seeds do (analysis of variance: {} \
             by chance).",
            counted(noise.epochs, "epoch", "epochs"),
            probability(chance)
        )
    })
}

fn smooth(surface: &Surface, epochs: u64) -> String {
    let [alpha, beta, gamma] = surface.coefficients;
    let [a, b, g] = surface.intervals.map(|interval| format!("{:.2} to {:.2}", interval.low, interval.high));
    let chance = surface
        .chance
        .map_or_else(|| "no F".to_string(), |chance| format!("{} by chance", probability(chance)));
    let of = format!(
        "A quadratic surface over the shares of depth, width and resolution, fitted to {} of {}, explains {:.0} % of their variance",
        counted(surface.networks as u64, "network", "networks"),
        counted(epochs, "epoch", "epochs"),
        hundred(surface.r_squared)
    );
    if !surface.distinguishable {
        return format!("{of}, which is not distinguishable from a flat one ({chance}).");
    }
    let edge = if surface.on_the_edge { ", on the edge, where a dimension is not scaled at all" } else { "" };
    format!(
        "{of} ({chance}). It is highest at alpha {alpha:.2} ({a}), beta {beta:.2} ({b}), gamma {gamma:.2} ({g}){edge}."
    )
}

/// `a probability of 0.012`.
fn probability(value: f64) -> String {
    if value < 0.001 { "a probability below 0.001".into() } else { format!("a probability of {value:.3}") }
}

/// What was trained on what, for how long, and how sure one may be.
pub fn method(source: &Source<'_>, analysis: &Analysis) -> Vec<String> {
    let plan = source.material.plan;
    let networks: std::collections::BTreeSet<_> =
        analysis.trained.iter().map(|network| network.network).collect();
    let recipe = plan.recipe_for(plan.base().resolution());
    let on = recipe.map_or_else(|_| String::new(), |recipe| format!(" on {}", recipe.data.train));
    let mut text = vec![format!(
        "{} trained{on}, scaled from {}, with the recipe {}, up to {}, from {} each.",
        counted(networks.len() as u64, "network was", "networks were"),
        plan.baseline,
        plan.proxy.recipe,
        counted(plan.proxy.epochs, "epoch", "epochs"),
        counted(plan.proxy.seeds.len() as u64, "seed", "seeds")
    )];
    text.extend(rungs(source, analysis));
    text.extend(images(analysis));
    text.extend(time(analysis));
    if !analysis.failures.is_empty() {
        text.push(format!(
            "{} came to nothing and {} left out of all means; the reasons stand below.",
            counted(analysis.failures.len() as u64, "trial", "trials"),
            if analysis.failures.len() == 1 { "is" } else { "are" }
        ));
    }
    text.extend(analysis.noise.iter().map(|noise| {
        format!(
            "After {} the top-1 of a network differs from seed to seed by a standard deviation of {:.2} points, pooled over all \
             networks ({} degrees of freedom). Every error bar is made from it: the seeds of a single network are too few.",
            counted(noise.epochs, "epoch", "epochs"),
            hundred(noise.deviation),
            noise.degrees
        )
    }));
    if analysis.noise.is_empty() && !analysis.trained.is_empty() {
        text.push("No network was trained from more than one seed, so nothing can be said of chance.".into());
    }
    if let Some(slope) = analysis.landscape.as_ref().and_then(|landscape| landscape.slope) {
        text.push(format!(
            "The networks' costs lie within {:.1} % of each other. Their top-1 is corrected to one cost by {:+.2} points for each \
             doubling (standard error {:.2}), the slope of a line fitted to the networks themselves.",
            hundred(slope.range),
            hundred(slope.per_doubling),
            hundred(slope.error)
        ));
    }
    text
}

fn rungs(source: &Source<'_>, analysis: &Analysis) -> Option<String> {
    let Task::Coefficients(plan) = &source.material.plan.task else { return None };
    let Strategies::Halving { eta, .. } = plan.strategy else { return None };
    let rungs = &analysis.landscape.as_ref()?.rungs;
    let list: Vec<String> = rungs
        .iter()
        .map(|(epochs, count)| {
            format!("{} ended at {}", whole(*count as u64), counted(*epochs, "epoch", "epochs"))
        })
        .collect();
    Some(format!(
        "By successive halving the best 1/{eta} of each rung went on: {}. Networks are compared within a rung only, each at the \
         highest one that it reached; those of a higher rung rank before those of a lower one.",
        list.join(", ")
    ))
}

fn images(analysis: &Analysis) -> Option<String> {
    let best =
        analysis.trained.iter().filter(|network| network.longest).max_by(|a, b| a.top1.total_cmp(&b.top1))?;
    Some(format!(
        "Each was measured on {}. So few images alone make a top-1 uncertain by about {:.2} points (binomial standard error); but all \
         networks see the same images, so this error is shared, cancels in differences for the most part, and is not in the error \
         bars.",
        counted(best.images, "image", "images"),
        hundred(best.images_error)
    ))
}

fn time(analysis: &Analysis) -> Option<String> {
    let clock = &analysis.clock;
    let overhead = clock.overhead?;
    Some(format!(
        "{} took {} of training and measuring together, the longest of them {}; the search itself took {:.2} % on top of that ({:.2} % \
         in the worst trial).",
        counted(clock.trials as u64, "trial", "trials"),
        duration(clock.training_seconds),
        duration(clock.longest),
        hundred(overhead),
        hundred(clock.largest_overhead.unwrap_or(overhead))
    ))
}
