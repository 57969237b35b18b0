//! Whether the network is right as often as it says: a reliability diagram (Guo et al. 2017, figure 4).

use efficientnet_charts::chart::{Chart, TOP};
use efficientnet_charts::number::{percent, whole};
use efficientnet_charts::scale::Scale;
use efficientnet_charts::svg::Drawing;

use crate::scores::{BINS, Calibration};

/// From the edge of a bin to its bar, as a share of the width.
const GAP: f64 = 0.003;
/// The distance between confidence and accuracy, from which on it is worth a word.
const LEVEL: f64 = 0.01;
/// The height of the bars that count images.
const COUNTS: f64 = 54.0;

/// The diagram beside its numbers.
pub fn calibration(calibration: &Calibration) -> String {
    format!(
        "<p>{}</p>\n<div class=\"charts\">\n{}{}</div>\n",
        sentence(calibration),
        diagram(calibration),
        table(calibration)
    )
}

fn sentence(calibration: &Calibration) -> String {
    let Calibration { confidence, accuracy, ece, .. } = calibration;
    let verdict = match confidence - accuracy {
        much if much > LEVEL => "it is surer than it should be",
        much if much < -LEVEL => "it is right more often than it says",
        _ => "on the whole it is as sure as it should be",
    };
    format!(
        "The network says {} on average and is right for {} of the images: {verdict}. The expected calibration error \
         over {BINS} bins (ECE) is {}.",
        percent(*confidence),
        percent(*accuracy),
        percent(*ece)
    )
}

fn diagram(calibration: &Calibration) -> String {
    let chart = Chart {
        title: "Accuracy by confidence",
        unit: "confidence, in percent",
        x: Scale::exact(0.0, 100.0, 5),
        y: Scale::exact(0.0, 100.0, 5),
        suffix: "\u{a0}%",
    };
    let height = |share: f64| chart.height(share * 100.0);
    let mut plot = Drawing::new(chart.whole_height());
    chart.frame(&mut plot);
    let mut spoken = String::from("Accuracy by confidence.");
    for (place, bin) in calibration.bins.iter().enumerate() {
        let (Some(accuracy), Some(confidence)) = (bin.accuracy, bin.confidence) else { continue };
        let (left, right) = edges(place);
        plot.bar("fill train", (left, height(accuracy)), (right, height(0.0)));
        plot.line("said", (left, height(confidence)), (right, height(confidence)));
        spoken.push_str(&format!(" Said {}, right {}.", percent(confidence), percent(accuracy)));
    }
    plot.curve("diagonal", chart.whole_height(), [(0.0, height(0.0)), (1.0, height(1.0))].into_iter());
    format!(
        "<figure class=\"chart\"><figcaption><b>{}</b><span class=\"key\">{}right</span><span class=\"key\">{}\
         said</span></figcaption>{}<p class=\"axis\">{}</p>{}</figure>\n",
        chart.title,
        swatch("fill train"),
        "<svg aria-hidden=\"true\" width=\"18\" height=\"10\"><line class=\"said\" x1=\"1\" y1=\"5\" x2=\"17\" y2=\"5\"/></svg>",
        chart.with_numbers(plot, &spoken),
        chart.unit,
        counts(calibration)
    )
}

fn swatch(class: &str) -> String {
    format!(
        "<svg aria-hidden=\"true\" width=\"18\" height=\"10\"><rect class=\"{class}\" x=\"3\" width=\"10\" height=\"10\"/></svg>"
    )
}

/// How many images each bar stands for.
fn counts(calibration: &Calibration) -> String {
    let most = calibration.bins.iter().map(|bin| bin.images).max().unwrap_or(0).max(1);
    let mut drawing = Drawing::new(TOP + COUNTS + 2.0);
    for (place, bin) in calibration.bins.iter().enumerate().filter(|(_, bin)| bin.images > 0) {
        let (left, right) = edges(place);
        // One image is seen, too.
        let height = (COUNTS * bin.images as f64 / most as f64).max(1.0);
        drawing.bar("fill rate", (left, TOP + COUNTS - height), (right, TOP + COUNTS));
    }
    drawing.line("grid", (0.0, TOP + COUNTS), (1.0, TOP + COUNTS));
    let mut axis = Drawing::new(TOP + COUNTS + 2.0);
    axis.text("tick", (1.0, TOP + 9.0), "end", &whole(most));
    format!(
        "<div class=\"plot\">{}{}</div><p class=\"axis\">images of that confidence</p>",
        axis.finish("numbers", None),
        drawing.finish("area", None)
    )
}

fn edges(place: usize) -> (f64, f64) {
    let width = 1.0 / BINS as f64;
    (place as f64 * width + GAP, (place + 1) as f64 * width - GAP)
}

/// `+3.8` or `−6.3` points of a hundred.
fn signed(share: f64) -> String {
    format!("{:+.1}", share * 100.0).replace('-', "−")
}

fn table(calibration: &Calibration) -> String {
    let bins = calibration.bins.iter().enumerate();
    let rows: String = bins
        .filter_map(|(place, bin)| {
            let (accuracy, confidence) = (bin.accuracy?, bin.confidence?);
            let edge = |place: usize| place as f64 / BINS as f64 * 100.0;
            Some(format!(
                "<tr><th scope=\"row\">{:.0} to {:.0}\u{a0}%</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td \
                 class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                edge(place),
                edge(place + 1),
                whole(bin.images),
                percent(confidence),
                percent(accuracy),
                signed(confidence - accuracy)
            ))
        })
        .collect();
    format!(
        "<div class=\"wide\"><table class=\"data\"><thead><tr><th scope=\"col\">confidence</th><th scope=\"col\" \
         class=\"n\">images</th><th scope=\"col\" class=\"n\">said</th><th scope=\"col\" class=\"n\">right</th><th \
         scope=\"col\" class=\"n\">too sure by</th></tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
    )
}
