//! Small drawings that take the width they are given.
//!
//! Horizontal places are shares of the width and heights are pixels, so a drawing is as wide as its place on the page and
//! its lines and letters keep their size. (One `viewBox` for everything would shrink the letters with the width; only the
//! curves have one, and their strokes are told not to scale.)

use std::fmt::Write;

/// A drawing of a fixed height and any width.
#[derive(Debug)]
pub struct Drawing {
    height: f64,
    body: String,
}

/// A place: the share of the width, and pixels from the top.
pub type Place = (f64, f64);

impl Drawing {
    /// An empty one.
    pub fn new(height: f64) -> Self {
        Self { height, body: String::new() }
    }

    /// A rectangle between two corners.
    pub fn bar(&mut self, class: &str, (x0, y0): Place, (x1, y1): Place) {
        let (width, height) = ((x1 - x0).max(0.0) * 100.0, (y1 - y0).max(0.0));
        self.add(format_args!(
            r#"<rect class="{class}" x="{:.3}%" y="{y0:.1}" width="{width:.3}%" height="{height:.1}"/>"#,
            x0 * 100.0
        ));
    }

    /// A line.
    pub fn line(&mut self, class: &str, (x0, y0): Place, (x1, y1): Place) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{:.3}%" y1="{y0:.1}" x2="{:.3}%" y2="{y1:.1}"/>"#,
            x0 * 100.0,
            x1 * 100.0
        ));
    }

    /// A line through many points, cut at the edges of the drawing's first `height` pixels. It is broken where a value is
    /// not finite.
    pub fn curve(&mut self, class: &str, height: f64, points: impl Iterator<Item = Place>) {
        let mut path = String::new();
        let mut pen_is_down = false;
        for (x, y) in points {
            if !(x.is_finite() && y.is_finite()) {
                pen_is_down = false;
                continue;
            }
            let command = if pen_is_down { 'L' } else { 'M' };
            pen_is_down = true;
            let _ = write!(path, "{command}{:.1} {y:.1}", x * 1000.0);
        }
        self.add(format_args!(
            r#"<svg class="cut" width="100%" height="{height:.0}" viewBox="0 0 1000 {height:.0}" preserveAspectRatio="none"><path class="{class}" d="{path}"/></svg>"#
        ));
    }

    /// A disc.
    pub fn disc(&mut self, class: &str, (x, y): Place, radius: f64) {
        self.add(format_args!(
            r#"<circle class="{class}" cx="{:.3}%" cy="{y:.1}" r="{radius:.1}"/>"#,
            x * 100.0
        ));
    }

    /// Letters; `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, (x, y): Place, anchor: &str, text: &str) {
        let text = escape(text);
        self.add(format_args!(
            r#"<text class="{class}" x="{:.3}%" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#,
            x * 100.0
        ));
    }

    /// The element; `label` is what a screen reader says, nothing where the numbers stand beside it.
    pub fn finish(self, class: &str, label: Option<&str>) -> String {
        let role = match label {
            Some(label) => format!(r#"role="img" aria-label="{}""#, escape(label)),
            None => r#"aria-hidden="true""#.to_string(),
        };
        format!(r#"<svg class="{class}" {role} width="100%" height="{:.0}">{}</svg>"#, self.height, self.body)
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

/// At most `letters` of a name, with an ellipsis for what was cut.
pub fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_string();
    }
    name.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("<a b=\"c\">&'\u{1b}"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39; ");
        let mut drawing = Drawing::new(20.0);
        drawing.text("t", (0.5, 10.0), "middle", "a<b");
        let svg = drawing.finish("x", Some("x & y"));
        assert!(svg.contains("50.000%") && svg.contains("a&lt;b") && svg.contains("x &amp; y"), "{svg}");
    }

    #[test]
    fn a_curve_is_broken_where_there_is_no_number() {
        let mut drawing = Drawing::new(20.0);
        let points = [(0.0, 1.0), (0.25, 2.0), (0.5, f64::NAN), (0.75, 3.0), (1.0, 4.0)];
        drawing.curve("c", 20.0, points.into_iter());
        let svg = drawing.finish("x", None);
        assert!(svg.contains(r#"d="M0.0 1.0L250.0 2.0M750.0 3.0L1000.0 4.0""#), "{svg}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!((shortened("glass", 5).as_str(), shortened("cardboard", 5).as_str()), ("glass", "card…"));
        assert_eq!(shortened("ééé", 2), "é…");
    }
}
