//! Values of one thing under each other: every one as a dot, their mean as a stroke.

use super::scale::Scale;
use super::sheet::{Sheet, WIDTH};
use super::svg::{Drawing, Shape, escape, shortened};

const ROW: f64 = 22.0;
const FOOT: f64 = 24.0;
const NAMES: f64 = 230.0;
const LETTERS: usize = 34;

/// A line of the chart.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// Its values, each with what a pointer that rests on it is told.
    pub values: Vec<(f64, String)>,
    /// Their mean.
    pub mean: f64,
    /// The mean's interval.
    pub interval: Option<(f64, f64)>,
    /// The class that colours it.
    pub class: &'static str,
}

/// The chart.
#[derive(Debug, Clone)]
pub struct Strip<'a> {
    /// What it is about.
    pub title: &'a str,
    /// What the axis counts.
    pub unit: &'a str,
    /// The axis.
    pub x: Scale,
    /// What follows a number of the axis.
    pub suffix: &'a str,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// A value with a line of its own, such as zero.
    pub level: Option<f64>,
}

impl Strip<'_> {
    /// For a page.
    pub fn html(&self) -> String {
        let (mut names, mut plot) = (Drawing::new(self.height()), Drawing::new(self.height()));
        self.names(&mut names);
        self.draw(&mut plot);
        format!(
            "<figure class=\"chart\"><figcaption><b>{}</b></figcaption><div class=\"plot named\">{}{}</div>\
             <p class=\"axis\">{}</p></figure>\n",
            escape(self.title),
            names.finish("numbers", None),
            plot.finish("area", Some(&self.spoken())),
            escape(self.unit)
        )
    }

    /// For a file of its own.
    pub fn svg(&self) -> String {
        let mut names = Drawing::fixed(NAMES - 10.0, self.height());
        self.names(&mut names);
        let mut plot = Drawing::fixed(WIDTH - NAMES, self.height());
        self.draw(&mut plot);
        let mut sheet = Sheet::new(self.title);
        sheet.place(vec![(0.0, names), (NAMES, plot)], self.height());
        sheet.caption(self.unit);
        sheet.finish(&self.spoken())
    }

    fn height(&self) -> f64 {
        self.rows.len() as f64 * ROW + FOOT
    }

    fn names(&self, names: &mut Drawing) {
        for (index, row) in self.rows.iter().enumerate() {
            let y = (index as f64 + 0.5) * ROW;
            names.text("tick", (1.0, y + 4.0), "end", &shortened(&row.name, LETTERS));
        }
    }

    fn draw(&self, plot: &mut Drawing) {
        let bottom = self.rows.len() as f64 * ROW;
        for tick in &self.x.ticks {
            let x = self.x.place(*tick);
            let anchor = if x > 0.97 { "end" } else { "middle" };
            plot.line("grid", (x, 0.0), (x, bottom + 4.0));
            let text = format!("{}{}", self.x.label(*tick), self.suffix);
            plot.text("tick", (x, bottom + 18.0), anchor, &text);
        }
        if let Some(level) = self.level {
            plot.line("level", (self.x.place(level), 0.0), (self.x.place(level), bottom));
        }
        for (index, row) in self.rows.iter().enumerate() {
            self.row(plot, row, (index as f64 + 0.5) * ROW);
        }
    }

    fn row(&self, plot: &mut Drawing, row: &Row, y: f64) {
        plot.line("grid", (0.0, y), (1.0, y));
        for (value, hint) in row.values.iter().filter(|(value, _)| value.is_finite()) {
            plot.sign("fill dots", (self.x.place(*value), y), Shape::Disc, hint);
        }
        if !row.mean.is_finite() {
            return;
        }
        let class = format!("whisker {}", row.class);
        if let Some((low, high)) = row.interval {
            let inside = |value: f64| self.x.place(value).clamp(-0.01, 1.01);
            plot.line(&class, (inside(low), y), (inside(high), y));
        }
        let hint = format!("{}: mean {:.2}{}", row.name, row.mean, self.suffix);
        plot.sign(&format!("fill {}", row.class), (self.x.place(row.mean), y), Shape::Diamond, &hint);
    }

    fn spoken(&self) -> String {
        let mut text = format!("{}, {}.", self.title, self.unit);
        for row in &self.rows {
            text.push_str(&format!(" {}: mean {:.2}{}.", row.name, row.mean, self.suffix));
        }
        text
    }
}
