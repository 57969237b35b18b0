//! Measurements as points: with error bars, lines, stairs, and a sign for each series beside its colour.

use std::fmt::Write;

use super::chart::{BODY, Chart, TOP};
use super::sheet::{Key, MARGIN, Sheet, WIDTH};
use super::svg::{Drawing, Shape, escape};

/// The class that colours the series at this place of a legend.
pub fn series(index: usize) -> &'static str {
    ["series-0", "series-1", "series-2", "series-3", "series-4", "series-5", "series-6"][index % 7]
}

/// A measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// Lower and upper end of its interval.
    pub interval: Option<(f64, f64)>,
    /// What a pointer that rests on it is told.
    pub hint: String,
}

impl Point {
    /// One without an interval.
    pub fn new(x: f64, y: f64, hint: impl Into<String>) -> Self {
        Self { x, y, interval: None, hint: hint.into() }
    }

    /// With an interval; none where it is not finite.
    pub fn with_interval(mut self, interval: Option<(f64, f64)>) -> Self {
        self.interval = interval.filter(|(low, high)| low.is_finite() && high.is_finite());
        self
    }
}

/// How the points of a trace are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Not at all.
    Apart,
    /// By straight lines.
    Straight,
    /// By stairs that rise where a point is: the best so far.
    Stairs,
}

/// Points that belong together.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its name in the legend; none where it belongs to another.
    pub name: Option<String>,
    /// The class that colours it.
    pub class: &'static str,
    /// The sign of each point; none for a mere line.
    pub shape: Option<Shape>,
    /// How they are joined.
    pub join: Join,
    /// From left to right.
    pub points: Vec<Point>,
}

/// A frame with traces.
#[derive(Debug)]
pub struct Plot<'a> {
    /// Title, axes.
    pub chart: Chart<'a>,
    /// The first one at the bottom.
    pub traces: Vec<Trace>,
    /// A value of the vertical axis that has a line of its own, such as zero.
    pub level: Option<f64>,
}

impl Plot<'_> {
    /// For a page: as wide as its place.
    pub fn html(&self) -> String {
        let mut plot = Drawing::new(self.chart.whole_height());
        self.draw(&mut plot);
        let keys: String = self.keys().iter().map(Key::html).collect();
        format!(
            "<figure class=\"chart\"><figcaption><b>{}</b>{keys}</figcaption>{}<p class=\"axis\">{}</p></figure>\n",
            escape(self.chart.title),
            self.chart.with_numbers(plot, &self.spoken()),
            escape(self.chart.unit)
        )
    }

    /// For a file of its own.
    pub fn svg(&self) -> String {
        let height = self.chart.whole_height();
        let mut numbers = Drawing::fixed(MARGIN - 8.0, height);
        self.chart.numbers(&mut numbers);
        let mut plot = Drawing::fixed(WIDTH - MARGIN, height);
        self.draw(&mut plot);
        let mut sheet = Sheet::new(self.chart.title);
        sheet.keys(&self.keys());
        sheet.beside(numbers, plot, height);
        sheet.caption(self.chart.unit);
        sheet.finish(&self.spoken())
    }

    fn draw(&self, plot: &mut Drawing) {
        self.chart.frame(plot);
        if let Some(level) = self.level {
            plot.line("level", (0.0, self.chart.height(level)), (1.0, self.chart.height(level)));
        }
        for trace in &self.traces {
            self.join(plot, trace);
        }
        for trace in &self.traces {
            self.points(plot, trace);
        }
    }

    fn join(&self, plot: &mut Drawing, trace: &Trace) {
        let place = |point: &Point| (self.chart.x.place(point.x), self.chart.height(point.y));
        let mut places: Vec<(f64, f64)> = Vec::new();
        match trace.join {
            Join::Apart => return,
            Join::Straight => places.extend(trace.points.iter().map(place)),
            Join::Stairs => {
                for (x, y) in trace.points.iter().map(place) {
                    places.extend(places.last().map(|last| (x, last.1)));
                    places.push((x, y));
                }
            }
        }
        plot.curve(&format!("curve {}", trace.class), TOP + BODY + TOP, places.into_iter());
    }

    fn points(&self, plot: &mut Drawing, trace: &Trace) {
        for point in trace.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
            let x = self.chart.x.place(point.x);
            if let Some((low, high)) = point.interval {
                // An interval may leave the frame; its point does not.
                let inside = |value| self.chart.height(value).clamp(TOP - 4.0, TOP + BODY + 4.0);
                plot.line(&format!("whisker {}", trace.class), (x, inside(low)), (x, inside(high)));
            }
            if let Some(shape) = trace.shape {
                let class = format!("fill {}", trace.class);
                plot.sign(&class, (x, self.chart.height(point.y)), shape, &point.hint);
            }
        }
    }

    fn keys(&self) -> Vec<Key> {
        let named = self.traces.iter().filter_map(|trace| Some((trace.name.clone()?, trace)));
        named
            .map(|(name, trace)| Key {
                name,
                class: trace.class,
                shape: trace.shape,
                line: trace.join != Join::Apart,
            })
            .collect()
    }

    /// What a screen reader says: every point, as far as there are few.
    fn spoken(&self) -> String {
        let mut text = format!("{} over {}.", self.chart.title, self.chart.unit);
        for trace in &self.traces {
            let Some(name) = &trace.name else { continue };
            let _ = write!(text, " {name}:");
            match trace.points.len() {
                0 => text.push_str(" no points"),
                1..=12 => trace.points.iter().for_each(|point| {
                    let _ = write!(text, " {};", point.hint);
                }),
                count => {
                    let _ = write!(text, " {count} points");
                }
            }
            text.push('.');
        }
        text
    }
}
