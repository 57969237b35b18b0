//! Small drawings that take the width they are given.
//!
//! Horizontal places are percentages and heights are pixels, so a drawing is as wide as its place on the page and its
//! lines and letters keep their size, on a telephone as on paper. (A `viewBox` would shrink the letters with the width.)

use std::fmt::Write;

/// A drawing of a fixed height and any width.
#[derive(Debug)]
pub struct Drawing {
    height: f64,
    body: String,
}

impl Drawing {
    /// An empty one.
    pub fn new(height: f64) -> Self {
        Self { height, body: String::new() }
    }

    /// A rectangle from `x0` to `x1` percent.
    pub fn bar(&mut self, class: &str, (x0, x1): (f64, f64), y: f64, height: f64) {
        let width = (x1 - x0).max(0.0);
        self.add(format_args!(
            r#"<rect class="{class}" x="{x0:.2}%" y="{y:.1}" width="{width:.2}%" height="{height:.1}" rx="2"/>"#
        ));
    }

    /// A line.
    pub fn line(&mut self, class: &str, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{x0:.2}%" y1="{y0:.1}" x2="{x1:.2}%" y2="{y1:.1}"/>"#
        ));
    }

    /// A disc.
    pub fn disc(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        self.add(format_args!(r#"<circle class="{class}" cx="{x:.2}%" cy="{y:.1}" r="{radius:.1}"/>"#));
    }

    /// Letters; `anchor` is `start`, `middle` or `end`, `dx` a shift in pixels.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, dx: f64, text: &str) {
        let text = escape(text);
        self.add(format_args!(
            r#"<text class="{class}" x="{x:.2}%" y="{y:.1}" dx="{dx:.1}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// The element; `label` is what a screen reader says, nothing where the numbers stand beside it.
    pub fn finish(self, label: Option<&str>) -> String {
        let role = match label {
            Some(label) => format!(r#"role="img" aria-label="{}""#, escape(label)),
            None => r#"aria-hidden="true""#.to_string(),
        };
        format!(r#"<svg {role} width="100%" height="{:.0}">{}</svg>"#, self.height, self.body)
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(element);
    }
}

/// Text for HTML and SVG, attributes included.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Values along an axis become percentages of its width.
#[derive(Debug, Clone)]
pub struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Where the grid lines are.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// From zero to at least `high`, with at most `count` steps of a round size.
    pub fn linear(high: f64, count: usize) -> Self {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        let raw = high / count as f64;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|m| m * power)
            .find(|s| *s >= raw * 0.999)
            .unwrap_or(raw);
        let steps = (high / step - 1e-9).ceil().max(1.0) as usize;
        let ticks: Vec<f64> = (0..=steps).map(|index| index as f64 * step).collect();
        Self { low: 0.0, high: step * steps as f64, logarithmic: false, ticks }
    }

    /// Whole powers of ten around all of the positive values.
    pub fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite() && *value > 0.0)
            .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (1.0, 10.0) } else { (low, high) };
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let last = last.max(first + 1);
        let ticks = (first..=last).map(|power| 10_f64.powi(power)).collect();
        Self { low: 10_f64.powi(first), high: 10_f64.powi(last), logarithmic: true, ticks }
    }

    /// Whether `value` is on the axis.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The percentage of `value`, kept inside the axis.
    pub fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (share * 100.0).clamp(0.0, 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_reach_the_end() {
        assert_eq!(Scale::linear(87.0, 4).ticks, [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(Scale::linear(100.0, 4).ticks, [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(Scale::linear(0.0, 4).ticks.last(), Some(&1.0));
        for high in [0.03, 1.1, 7.0, 23.0, 999.0, 2412.0, 1e6] {
            let scale = Scale::linear(high, 4);
            assert!(
                scale.ticks.len() <= 6 && *scale.ticks.last().unwrap() >= high * 0.999,
                "{high}: {scale:?}"
            );
        }
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        let scale = Scale::logarithmic([30.0, 2400.0, f64::NAN, 0.0].into_iter());
        assert_eq!(scale.ticks, [10.0, 100.0, 1000.0, 10000.0]);
        assert!((scale.place(100.0) - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(Scale::logarithmic(std::iter::empty()).ticks, [1.0, 10.0]);
        assert_eq!(Scale::logarithmic([10.0].into_iter()).ticks, [10.0, 100.0]);
    }

    #[test]
    fn nothing_leaves_the_axis() {
        let scale = Scale::linear(10.0, 4);
        assert_eq!((scale.place(-1.0), scale.place(5.0), scale.place(50.0)), (0.0, 50.0, 100.0));
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("<a b=\"c\">&'\u{1b}"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39; ");
        let mut drawing = Drawing::new(20.0);
        drawing.text("t", (50.0, 10.0), "middle", 0.0, "a<b");
        drawing.bar("b", (0.0, 50.0), 2.0, 10.0);
        let svg = drawing.finish(Some("x & y"));
        assert!(
            svg.contains("a&lt;b") && svg.contains("x &amp; y") && svg.contains(r#"width="50.00%""#),
            "{svg}"
        );
    }
}
