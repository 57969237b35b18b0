//! The run in a few large numbers.

use efficientnet_charts::number::{counted, duration, percent, three_digits, whole};
use efficientnet_charts::page::{self, Tile};
use efficientnet_charts::svg::escape;

use super::Report;
use crate::journal::{Entry, Epoch, Scores};

/// The numbers, and how they compare to the baseline.
pub fn summary(report: &Report<'_>) -> String {
    let tiles: Vec<Tile> =
        evaluated(report).into_iter().chain(journalled(report)).chain(timed(report)).collect();
    if tiles.is_empty() {
        return "<p class=\"lead\">Nothing was trained and nothing was evaluated.</p>\n".to_string();
    }
    format!("{}{}{}", undefined(report), page::tiles(&tiles), baseline(report))
}

fn evaluated(report: &Report<'_>) -> Vec<Tile> {
    let Some(tally) = report.evaluation.map(|evaluation| evaluation.tally) else { return Vec::new() };
    let measures = tally.measures();
    let mut tiles = Vec::new();
    if let Some(top1) = measures.top1 {
        let remark =
            format!("{} of {}", whole(measures.correct), counted(measures.images, "image", "images"));
        tiles.push(Tile { name: "top-1", value: percent(top1), remark });
    }
    if let Some(top5) = measures.top5 {
        tiles.push(Tile { name: "top-5", value: percent(top5), remark: "among the best five".into() });
    }
    if let Some(recall) = measures.mean_recall {
        let remark = format!("over {}", counted(tally.classes() as u64, "class", "classes"));
        tiles.push(Tile { name: "mean recall", value: percent(recall), remark });
    }
    if let Some(ece) = measures.ece {
        tiles.push(Tile { name: "ECE", value: percent(ece), remark: "calibration error".into() });
    }
    tiles
}

fn journalled(report: &Report<'_>) -> Vec<Tile> {
    let epochs: Vec<&Epoch> = report
        .journal
        .iter()
        .filter_map(|entry| match entry {
            Entry::Epoch(epoch) => Some(epoch),
            Entry::Step(_) => None,
        })
        .collect();
    let mut tiles = Vec::new();
    tiles.extend(best(&epochs, "validation, averaged", |epoch| epoch.averaged));
    tiles.extend(best(&epochs, "validation, plain", |epoch| epoch.validation));
    let steps = report.journal.iter().map(|entry| match entry {
        Entry::Step(step) => step.step,
        Entry::Epoch(epoch) => epoch.step,
    });
    if let Some(steps) = steps.max() {
        tiles.push(Tile {
            name: "steps",
            value: whole(steps),
            remark: counted(epochs.len() as u64, "epoch", "epochs"),
        });
    }
    tiles
}

/// The last top-1 with the best one beside it.
fn best(epochs: &[&Epoch], name: &'static str, scores: fn(&Epoch) -> Option<Scores>) -> Option<Tile> {
    let top1 = |epoch: &&Epoch| Some((epoch.epoch, f64::from(scores(epoch)?.top1)));
    let tops = || epochs.iter().filter_map(top1).filter(|top1| top1.1.is_finite());
    let (_, last) = tops().next_back()?;
    // Of equal ones the first.
    let (epoch, best) = tops().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let after = counted(epoch.saturating_add(1), "epoch", "epochs");
    Some(Tile { name, value: percent(last), remark: format!("best {} after {after}", percent(best)) })
}

fn timed(report: &Report<'_>) -> Vec<Tile> {
    let rate = report.times.images_per_second.map(|rate| Tile {
        name: "images/s",
        value: three_digits(rate),
        remark: "in training".into(),
    });
    let time = report.times.seconds.map(|seconds| Tile {
        name: "time",
        value: duration(seconds),
        remark: "the whole run".into(),
    });
    rate.into_iter().chain(time).collect()
}

/// A warning where some images got no answer.
fn undefined(report: &Report<'_>) -> String {
    match report.evaluation.map_or(0, |evaluation| evaluation.tally.undefined()) {
        0 => String::new(),
        count => format!(
            "<p class=\"box\"><b>No answer for {}.</b> Their logits are not numbers; they count as wrong.</p>\n",
            counted(count, "image", "images")
        ),
    }
}

fn baseline(report: &Report<'_>) -> String {
    let ours = report.evaluation.and_then(|evaluation| evaluation.tally.top1());
    let stated = report.baseline.filter(|baseline| baseline.top1.is_finite());
    let (Some(baseline), Some(ours)) = (stated, ours) else { return String::new() };
    let points = (ours - baseline.top1) * 100.0;
    let (word, class) = if points >= 0.0 { ("more", "train") } else { ("fewer", "validation") };
    let bar = |name: &str, share: f64, class: &str| {
        format!(
            "<tr><th scope=\"row\">{}</th><td><svg aria-hidden=\"true\" width=\"100%\" height=\"16\"><rect \
             class=\"ground\" width=\"100%\" height=\"16\"/><rect class=\"fill {class}\" width=\"{:.2}%\" \
             height=\"16\"/></svg></td><td class=\"n\">{}</td></tr>\n",
            escape(name),
            share.clamp(0.0, 1.0) * 100.0,
            percent(share)
        )
    };
    format!(
        "<figure class=\"chart\"><figcaption><b>Top-1 beside {}</b><span class=\"soft\">{:.1} points {word}</span>\
         </figcaption><table class=\"bars\"><tbody>\n{}{}</tbody></table></figure>\n",
        escape(baseline.name),
        points.abs(),
        bar("this network", ours, class),
        bar(baseline.name, baseline.top1, "rate")
    )
}
