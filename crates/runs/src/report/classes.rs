//! A line for every class.

use efficientnet_charts::number::{percent_or_dash, round_percent, whole};
use efficientnet_charts::svg::escape;

use super::Report;
use crate::scores::{ClassMeasures, Tally};

/// Lines that are always seen; the others are folded away.
const OPEN: usize = 30;

/// The table, the class with the lowest F1 first.
pub fn classes(report: &Report<'_>, tally: &Tally) -> String {
    let mut classes = tally.per_class();
    classes.retain(|class| class.support > 0 || class.predicted > 0);
    if classes.is_empty() {
        return String::new();
    }
    classes.sort_by(|a, b| a.f1.unwrap_or(0.0).total_cmp(&b.f1.unwrap_or(0.0)).then(a.class.cmp(&b.class)));
    let (open, folded) = classes.split_at(classes.len().min(OPEN));
    let mut html = format!("<p>The class with the lowest F1 comes first.</p>\n{}", table(report, open));
    if !folded.is_empty() {
        html.push_str(&format!(
            "<details><summary>The other {} classes</summary>\n{}</details>\n",
            whole(folded.len() as u64),
            table(report, folded)
        ));
    }
    html
}

fn table(report: &Report<'_>, classes: &[ClassMeasures]) -> String {
    let rows: String = classes.iter().map(|class| row(report, class)).collect();
    format!(
        "<div class=\"wide\"><table class=\"data\"><thead><tr><th scope=\"col\">class</th><th scope=\"col\" \
         class=\"n\">images</th><th scope=\"col\" class=\"n\">precision</th><th scope=\"col\" class=\"n\">recall</th>\
         <th scope=\"col\" class=\"n\">F1</th><th></th><th scope=\"col\">most often taken for</th></tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n"
    )
}

fn row(report: &Report<'_>, class: &ClassMeasures) -> String {
    let confused = class.confused_with.map_or_else(String::new, |pair| {
        let share = pair.images as f64 / class.support.max(1) as f64;
        let often = format!("{}, {}", whole(pair.images), round_percent(share));
        format!("{} <span class=\"soft\">({often})</span>", escape(&report.class(pair.predicted)))
    });
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td \
         class=\"n\">{}</td><td>{}</td><td>{confused}</td></tr>\n",
        escape(&report.class(class.class)),
        whole(class.support),
        percent_or_dash(class.precision),
        percent_or_dash(class.recall),
        percent_or_dash(class.f1),
        meter(class.f1.unwrap_or(0.0))
    )
}

/// A share as a bar.
fn meter(share: f64) -> String {
    let width = 90.0 * share.clamp(0.0, 1.0);
    format!(
        "<svg class=\"meter\" aria-hidden=\"true\" width=\"90\" height=\"8\"><rect class=\"ground\" width=\"90\" \
         height=\"8\"/><rect class=\"fill train\" width=\"{width:.1}\" height=\"8\"/></svg>"
    )
}
