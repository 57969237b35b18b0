//! Tables whose middle column is a drawing: what their rows and their frame are made of.

use super::svg::{Drawing, Scale, escape};

/// Of a row's drawing, in pixels.
pub const ROW_HEIGHT: f64 = 26.0;
const AXIS_HEIGHT: f64 = 18.0;

/// From one end of an interval to the other.
pub fn whisker(drawing: &mut Drawing, low: f64, high: f64) {
    let middle = ROW_HEIGHT / 2.0;
    drawing.line("whisker", (low, middle), (high, middle));
    for end in [low, high] {
        drawing.line("whisker", (end, middle - 4.0), (end, middle + 4.0));
    }
}

/// Says that a bar is longer than drawn.
pub fn broken(drawing: &mut Drawing) {
    for x in [91.0, 93.5] {
        drawing.line("break", (x, ROW_HEIGHT - 4.0), (x + 1.5, 4.0));
    }
}

/// A chart: its title with what else there is to say, the bodies of its table, and below them the axis.
pub fn figure(title: &str, facts: &str, unit: &str, bodies: &str, scale: &Scale) -> String {
    let mut axis = Drawing::new(AXIS_HEIGHT);
    for tick in &scale.ticks {
        let place = scale.place(*tick);
        let anchor = if place < 1.0 {
            "start"
        } else if place > 99.0 {
            "end"
        } else {
            "middle"
        };
        axis.text("tick", (place, 12.0), anchor, 0.0, &tick_label(*tick));
    }
    format!(
        "<figure class=\"chart\"><figcaption><b>{}</b> <span>{facts}</span></figcaption><table class=\"bars\"><colgroup>\
         <col class=\"who\"><col><col class=\"much\"><col class=\"times\"></colgroup>{bodies}\
         <tfoot aria-hidden=\"true\"><tr><td></td><td>{}</td><td colspan=\"2\"></td></tr></tfoot></table>\
         <p class=\"axis\">{unit}</p></figure>",
        escape(title),
        axis.finish(None)
    )
}

/// A number of an axis.
pub fn tick_label(value: f64) -> String {
    if value >= 10_000.0 && value % 1000.0 == 0.0 {
        format!("{:.0}k", value / 1000.0)
    } else {
        // The shortest text that reads back as the same number.
        value.to_string()
    }
}

/// A row that heads others.
pub fn heading(text: &str) -> String {
    format!(r#"<tr class="group"><th colspan="4" scope="rowgroup">{text}</th></tr>"#)
}

/// Rows that belong together.
pub fn tbody(rows: &str) -> String {
    format!("<tbody>{rows}</tbody>")
}

/// A row: who (HTML), a drawing, two numbers.
pub fn bar_row(class: &str, who: &str, drawing: &str, cells: &[String; 2]) -> String {
    format!(
        r#"<tr class="{class}"><th scope="row">{who}</th><td>{drawing}</td><td class="number">{}</td><td class="far">{}</td></tr>"#,
        cells[0], cells[1]
    )
}

/// A row without a drawing: who (HTML), and why.
pub fn absent_row(who: &str, why: &str) -> String {
    format!(r#"<tr class="absent"><th scope="row">{who}</th><td colspan="3">{}</td></tr>"#, escape(why))
}

/// Lines at the ticks, behind a row.
pub fn grid(drawing: &mut Drawing, scale: &Scale, height: f64) {
    for tick in &scale.ticks {
        let place = scale.place(*tick);
        drawing.line("grid", (place, 0.0), (place, height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        let labels: Vec<String> = [0.0, 0.5, 25.0, 100.0, 2500.0, 20_000.0].map(tick_label).into();
        assert_eq!(labels, ["0", "0.5", "25", "100", "2500", "20k"]);
    }
}
