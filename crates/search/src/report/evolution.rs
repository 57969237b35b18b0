//! Evolution and random search beside each other.

use efficientnet_charts::chart::Chart;
use efficientnet_charts::page::code;
use efficientnet_charts::plot::{Join, Plot, Point, Trace, series};
use efficientnet_charts::scale::{Scale, short};
use efficientnet_charts::svg::{Shape, escape};

use super::Source;
use super::figure::{Figure, cost, cost_axis, ends, hundred, top1_axis, unit};
use crate::analysis::Analysis;
use crate::{ArmSummary, EvolutionSummary};

/// The best reward after each network.
pub fn best_so_far(analysis: &Analysis) -> Option<Figure> {
    let summary = analysis.evolution.as_ref()?;
    let trace = |(index, arm): (usize, &ArmSummary)| Trace {
        name: Some(arm.name.to_string()),
        class: series(index),
        shape: None,
        join: Join::Stairs,
        points: (1u32..)
            .zip(&arm.best_so_far)
            .map(|(count, reward)| {
                Point::new(f64::from(count), *reward, format!("{reward:.4} after {count}"))
            })
            .collect(),
    };
    let traces: Vec<Trace> = summary.arms.iter().enumerate().map(trace).collect();
    let points = || traces.iter().flat_map(|trace| &trace.points);
    let last = points().map(|point| point.x).fold(2.0, f64::max);
    let (low, high) = ends(points().map(|point| point.y));
    let chart = Chart {
        title: "Best reward so far",
        unit: "networks trained",
        x: Scale::exact(1.0, last, 6).whole(),
        y: Scale::rounded(low, high.max(low + 0.001), 4),
        suffix: "",
    };
    Some(Figure::of("best-so-far", &Plot { chart, traces, level: None }))
}

/// The front of each.
pub fn fronts(source: &Source<'_>, analysis: &Analysis) -> Option<Figure> {
    let summary = analysis.evolution.as_ref()?;
    let kind = source.material.plan.cost;
    let trace = |(index, arm): (usize, &ArmSummary)| Trace {
        name: Some(arm.name.to_string()),
        class: series(index),
        shape: Some(Shape::of(index)),
        join: Join::Stairs,
        points: arm
            .front
            .iter()
            .map(|member| {
                let (name, place) = (&member.name, member.place);
                let hint = format!("{name}: {:.2} % at {}", hundred(place.top1), cost(kind, place.cost));
                Point::new(place.cost, hundred(place.top1), hint)
            })
            .collect(),
    };
    let traces: Vec<Trace> = summary.arms.iter().enumerate().map(trace).collect();
    let chart = Chart {
        title: "The fronts of both searches",
        unit: unit(kind),
        x: cost_axis(&traces),
        y: top1_axis(&traces),
        suffix: "\u{a0}%",
    };
    Some(Figure::of("fronts", &Plot { chart, traces, level: None }))
}

/// What came of it, and the winner's rows.
pub fn words(source: &Source<'_>, summary: &EvolutionSummary) -> String {
    let kind = source.material.plan.cost;
    let winner = &summary.winner;
    let top1 =
        winner.top1.map_or_else(|| "no top-1".to_string(), |top1| format!("{:.2} % top-1", hundred(top1)));
    let text = format!(
        "The best network of both is {}, from {}: {top1} at {} ({:.2} times the baseline's), a reward of {:.4} where the \
         baseline has {:.4}. It was chosen for its luck, too, so it is worth a little less than it seems.",
        winner.name,
        summary.winner_of,
        cost(kind, winner.cost),
        winner.cost_ratio,
        winner.reward,
        summary.baseline.reward
    );
    let mut html = format!("<p>{}</p>\n{}", escape(&text), table(summary));
    if !winner.blocks.is_empty() {
        html.push_str(&format!("<h3>The winner's rows</h3>\n{}", code(&winner.blocks.join("\n"))));
    }
    html
}

/// Whether evolution was better than its control.
pub fn verdict(summary: &EvolutionSummary) -> String {
    let Some(comparison) = &summary.comparison else {
        return "Evolution and random search cannot be compared yet.".to_string();
    };
    let difference = format!(
        "mean reward of the best {} of evolution less that of random search: {:+.4}",
        comparison.top, comparison.difference
    );
    let mut text = match comparison.interval {
        Some([low, high]) if low > 0.0 => {
            format!("Evolution is better than random search: {difference}, {low:+.4} to {high:+.4}.")
        }
        Some([low, high]) if high < 0.0 => {
            format!("Evolution is worse than random search: {difference}, {low:+.4} to {high:+.4}.")
        }
        Some([low, high]) => format!(
            "Whether evolution is better than random search cannot be told: {difference}, and the interval, {low:+.4} to \
             {high:+.4}, includes 0."
        ),
        None => format!("With one seed it cannot be told whether evolution is better: {difference}."),
    };
    if let Some(later) = &comparison.later {
        text.push_str(&format!(
            " After the first population, which both share, evolution's children have a mean reward of {:.4} and networks drawn \
             at random {:.4}; chance alone gives as much or more with a probability of {:.3}.",
            later.evolution, later.random, later.p_value
        ));
    }
    text
}

fn table(summary: &EvolutionSummary) -> String {
    let rows: String = summary
        .arms
        .iter()
        .map(|arm| {
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.4}</td><td \
                 class=\"n\">{}</td><td class=\"n\">{:.4}</td></tr>\n",
                arm.name, arm.networks, arm.failed, arm.best.reward, arm.best_at, arm.hypervolume
            )
        })
        .collect();
    format!(
        "<div class=\"wide\"><table class=\"data\"><thead><tr><th scope=\"col\">search</th><th scope=\"col\" \
         class=\"n\">networks</th><th scope=\"col\" class=\"n\">failed</th><th scope=\"col\" class=\"n\">best \
         reward</th><th scope=\"col\" class=\"n\">found after</th><th scope=\"col\" class=\"n\">hypervolume</th></tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n<p class=\"soft\">Reward: top-1 times (cost / {}) to the power of {}. \
         Hypervolume: the area under a search's front, cost over the baseline's times top-1, up to {:.2} times the baseline's \
         cost and down to a top-1 of 0.</p>\n",
        short(summary.objective.target_cost),
        summary.objective.exponent,
        summary.reference_ratio
    )
}
