//! Small drawings that take the width they are given.
//!
//! Horizontal places are shares of the width and heights are pixels, so a drawing is as wide as its place on the page and
//! its lines and letters keep their size. (One `viewBox` for everything would shrink the letters with the width; only the
//! curves have one, and their strokes are told not to scale.)

use std::fmt::Write;

/// A drawing of a fixed height and, unless it is told otherwise, any width.
#[derive(Debug)]
pub struct Drawing {
    /// In pixels; none where it is as wide as its place.
    width: Option<f64>,
    height: f64,
    body: String,
}

/// A place: the share of the width, and pixels from the top.
pub type Place = (f64, f64);

impl Drawing {
    /// An empty one, as wide as its place.
    pub fn new(height: f64) -> Self {
        Self { width: None, height, body: String::new() }
    }

    /// An empty one of so many pixels, for a file of its own: places are still shares of the width, but pixels are written,
    /// which every program that reads SVG understands.
    pub fn fixed(width: f64, height: f64) -> Self {
        Self { width: Some(width), height, body: String::new() }
    }

    /// A rectangle between two corners.
    pub fn bar(&mut self, class: &str, (x0, y0): Place, (x1, y1): Place) {
        let (x, width, height) = (self.across(x0), self.across((x1 - x0).max(0.0)), (y1 - y0).max(0.0));
        self.add(format_args!(
            r#"<rect class="{class}" x="{x}" y="{y0:.1}" width="{width}" height="{height:.1}"/>"#
        ));
    }

    /// A line.
    pub fn line(&mut self, class: &str, (x0, y0): Place, (x1, y1): Place) {
        let (x0, x1) = (self.across(x0), self.across(x1));
        self.add(format_args!(r#"<line class="{class}" x1="{x0}" y1="{y0:.1}" x2="{x1}" y2="{y1:.1}"/>"#));
    }

    /// A line through many points, cut at the edges of the drawing's first `height` pixels. It is broken where a value is
    /// not finite.
    pub fn curve(&mut self, class: &str, height: f64, points: impl Iterator<Item = Place>) {
        let across = self.width.unwrap_or(1000.0);
        let mut path = String::new();
        let mut pen_is_down = false;
        for (x, y) in points {
            if !(x.is_finite() && y.is_finite()) {
                pen_is_down = false;
                continue;
            }
            let command = if pen_is_down { 'L' } else { 'M' };
            pen_is_down = true;
            let _ = write!(path, "{command}{:.1} {y:.1}", x * across);
        }
        let width = self.width.map_or_else(|| "100%".to_string(), |width| format!("{width:.0}"));
        self.add(format_args!(
            r#"<svg class="cut" width="{width}" height="{height:.0}" viewBox="0 0 {across:.0} {height:.0}" preserveAspectRatio="none"><path class="{class}" d="{path}"/></svg>"#
        ));
    }

    /// A disc.
    pub fn disc(&mut self, class: &str, (x, y): Place, radius: f64) {
        let x = self.across(x);
        self.add(format_args!(r#"<circle class="{class}" cx="{x}" cy="{y:.1}" r="{radius:.1}"/>"#));
    }

    /// A small sign for a point of a plot; `hint` is what a pointer that rests on it is told.
    pub fn sign(&mut self, class: &str, (x, y): Place, shape: Shape, hint: &str) {
        let (x, path, hint) = (self.across(x), shape.path(), escape(hint));
        // A nested drawing has its middle at a share of the width, which a path cannot have.
        self.add(format_args!(
            r#"<svg class="sign" x="{x}" y="{y:.1}"><path class="{class}" d="{path}"><title>{hint}</title></path></svg>"#
        ));
    }

    /// A disc of a colour that is a value, such as `#440154`; `hint` as in [`Drawing::sign`].
    pub fn coloured(&mut self, class: &str, (x, y): Place, radius: f64, colour: &str, hint: &str) {
        let (x, hint) = (self.across(x), escape(hint));
        self.add(format_args!(
            r#"<circle class="{class}" cx="{x}" cy="{y:.1}" r="{radius:.1}" fill="{colour}"><title>{hint}</title></circle>"#
        ));
    }

    /// A rectangle of such a colour.
    pub fn patch(&mut self, (x0, y0): Place, (x1, y1): Place, colour: &str) {
        let (x, width, height) = (self.across(x0), self.across(x1 - x0), y1 - y0);
        self.add(format_args!(
            r#"<rect x="{x}" y="{y0:.1}" width="{width}" height="{height:.1}" fill="{colour}"/>"#
        ));
    }

    /// Letters; `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, (x, y): Place, anchor: &str, text: &str) {
        let (x, text) = (self.across(x), escape(text));
        self.add(format_args!(
            r#"<text class="{class}" x="{x}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
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

    /// What was drawn, without a frame.
    pub(crate) fn into_body(self) -> String {
        self.body
    }

    /// A share of the width.
    fn across(&self, share: f64) -> String {
        match self.width {
            Some(width) => format!("{:.1}", share * width),
            None => format!("{:.3}%", share * 100.0),
        }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(element);
    }
}

/// Signs that are told apart without a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A disc.
    Disc,
    /// A square.
    Square,
    /// A square on its corner.
    Diamond,
    /// A triangle.
    Triangle,
    /// A triangle on its corner.
    Wedge,
    /// A cross.
    Cross,
    /// A ring.
    Ring,
    /// A star of five points.
    Star,
}

impl Shape {
    /// The sign of a series by its place in the legend.
    pub fn of(index: usize) -> Self {
        use Shape::{Cross, Diamond, Disc, Ring, Square, Triangle, Wedge};
        [Disc, Square, Triangle, Diamond, Wedge, Ring, Cross][index % 7]
    }

    /// Around zero, about nine pixels across.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Disc => "M-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0z",
            Self::Square => "M-3.8 -3.8h7.6v7.6h-7.6z",
            Self::Diamond => "M0 -5.4L5.4 0L0 5.4L-5.4 0z",
            Self::Triangle => "M0 -5L5 3.8H-5z",
            Self::Wedge => "M0 5L5 -3.8H-5z",
            Self::Cross => {
                "M-4.5 -3L-3 -4.5L0 -1.5L3 -4.5L4.5 -3L1.5 0L4.5 3L3 4.5L0 1.5L-3 4.5L-4.5 3L-1.5 0z"
            }
            Self::Ring => {
                "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0zM-2.6 0a2.6 2.6 0 1 1 5.2 0a2.6 2.6 0 1 1 -5.2 0z"
            }
            Self::Star => "M0 -9L2.2 -3L8.6 -2.8L3.5 1.2L5.3 7.3L0 3.7L-5.3 7.3L-3.5 1.2L-8.6 -2.8L-2.2 -3z",
        }
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
