//! A chart in a file of its own: fixed size, light background, its style inside.

use std::fmt::Write;

use super::svg::{Drawing, Shape, escape};

/// Of every file, in pixels, without its border.
pub const WIDTH: f64 = 760.0;
/// Left of a plot, for the numbers of its vertical axis.
pub(crate) const MARGIN: f64 = 62.0;
const BORDER: f64 = 20.0;
const STYLE: &str = include_str!("sheet.css");
/// Of a legend's letters, about.
const LETTER: f64 = 7.4;

/// An entry of a legend.
#[derive(Debug, Clone)]
pub struct Key {
    /// What it says.
    pub name: String,
    /// The class that colours it.
    pub class: &'static str,
    /// The sign of its points.
    pub shape: Option<Shape>,
    /// Whether it has a line.
    pub line: bool,
}

impl Key {
    /// For a page.
    pub fn html(&self) -> String {
        format!(
            "<span class=\"key\"><svg aria-hidden=\"true\" width=\"22\" height=\"12\">{}</svg>{}</span>",
            self.picture(11.0, 6.0),
            escape(&self.name)
        )
    }

    fn picture(&self, x: f64, y: f64) -> String {
        let mut picture = String::new();
        if self.line {
            let (left, right) = (x - 10.0, x + 10.0);
            let _ = write!(
                picture,
                r#"<line class="curve {}" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>"#,
                self.class
            );
        }
        if let Some(shape) = self.shape {
            let _ = write!(
                picture,
                r#"<path class="fill {}" transform="translate({x} {y})" d="{}"/>"#,
                self.class,
                shape.path()
            );
        }
        picture
    }
}

/// A file that is filled from top to bottom.
#[derive(Debug)]
pub struct Sheet {
    body: String,
    bottom: f64,
}

impl Sheet {
    /// One with a title.
    pub fn new(title: &str) -> Self {
        let mut sheet = Self { body: String::new(), bottom: BORDER };
        sheet.text("title", 0.0, 17.0, "start", title);
        sheet.bottom += 30.0;
        sheet
    }

    /// A legend, in as many lines as it takes.
    pub fn keys(&mut self, keys: &[Key]) {
        let mut x = 0.0;
        for key in keys {
            let width = 30.0 + key.name.chars().count() as f64 * LETTER + 16.0;
            if x > 0.0 && x + width > WIDTH {
                (x, self.bottom) = (0.0, self.bottom + 20.0);
            }
            self.body.push_str(&key.picture(BORDER + x + 11.0, self.bottom + 6.0));
            self.text("key", x + 28.0, 10.5, "start", &key.name);
            x += width;
        }
        self.bottom += if keys.is_empty() { 4.0 } else { 26.0 };
    }

    /// The numbers of an axis and, to their right, the plot.
    pub fn beside(&mut self, numbers: Drawing, plot: Drawing, height: f64) {
        self.group(0.0, numbers);
        self.group(MARGIN, plot);
        self.bottom += height;
    }

    /// Drawings at these distances from the left edge.
    pub fn place(&mut self, drawings: Vec<(f64, Drawing)>, height: f64) {
        for (x, drawing) in drawings {
            self.group(x, drawing);
        }
        self.bottom += height;
    }

    /// What stands below: what an axis counts.
    pub fn caption(&mut self, text: &str) {
        self.text("tick", (WIDTH + MARGIN) / 2.0, 14.0, "middle", text);
        self.bottom += 22.0;
    }

    /// The file; `label` is what a screen reader says.
    pub fn finish(self, label: &str) -> String {
        let (width, height) = (WIDTH + 2.0 * BORDER, self.bottom + BORDER);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{}\">\n<style>\n{STYLE}</style>\n<rect width=\"100%\" \
             height=\"100%\" fill=\"#ffffff\"/>\n{}\n</svg>\n",
            escape(label),
            self.body
        )
    }

    fn group(&mut self, x: f64, drawing: Drawing) {
        let (x, y, body) = (BORDER + x, self.bottom, drawing.into_body());
        let _ = writeln!(self.body, "<g transform=\"translate({x:.1} {y:.1})\">{body}</g>");
    }

    fn text(&mut self, class: &str, x: f64, down: f64, anchor: &str, text: &str) {
        let (x, y, text) = (BORDER + x, self.bottom + down, escape(text));
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        );
    }
}
