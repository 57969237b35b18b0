//! A frame with axes for curves.

use std::fmt::Write;

use super::scale::Scale;
use super::svg::{Drawing, escape};

/// From the top of a drawing to its highest place.
pub const TOP: f64 = 8.0;
/// The height of the plot without that.
pub(crate) const BODY: f64 = 208.0;
/// What is below the lowest place, for the numbers of the horizontal axis.
const FOOT: f64 = 24.0;
/// Points that a curve is thinned to: about one for each pixel.
const POINTS: usize = 500;

/// One line of a chart.
#[derive(Debug)]
pub struct Series {
    /// Its name in the legend; none where it belongs to another.
    pub name: Option<String>,
    /// The class that colours it.
    pub class: &'static str,
    /// Places along the axes, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Whether every point has a disc.
    pub dots: bool,
}

/// A frame for curves: a title, a legend, two axes.
#[derive(Debug)]
pub struct Chart<'a> {
    /// What it is about.
    pub title: &'a str,
    /// What the horizontal axis counts.
    pub unit: &'a str,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// What follows a number on the vertical axis.
    pub suffix: &'a str,
}

impl Chart<'_> {
    /// The height of a value.
    pub fn height(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * BODY
    }

    /// The height of the drawing, the numbers of the horizontal axis included.
    pub fn whole_height(&self) -> f64 {
        TOP + BODY + FOOT
    }

    /// The chart with these lines, the first one at the bottom.
    pub fn draw(&self, series: &[Series]) -> String {
        let bottom = TOP + BODY;
        let mut plot = Drawing::new(self.whole_height());
        self.frame(&mut plot);
        for line in series {
            let places = thinned(&line.points).into_iter().map(|(x, y)| (self.x.place(x), self.height(y)));
            plot.curve(&format!("curve {}", line.class), bottom + TOP, places);
            if line.dots || line.points.len() == 1 {
                for (x, y) in line.points.iter().filter(|(_, y)| self.holds(*y)) {
                    plot.disc(&format!("fill {}", line.class), (self.x.place(*x), self.height(*y)), 3.0);
                }
            }
        }
        let body = self.with_numbers(plot, &self.spoken(series));
        format!(
            "<figure class=\"chart\"><figcaption><b>{}</b>{}</figcaption>{body}<p class=\"axis\">{}</p></figure>\n",
            escape(self.title),
            legend(series),
            escape(self.unit)
        )
    }

    fn holds(&self, value: f64) -> bool {
        value.is_finite() && (-0.01..=1.01).contains(&self.y.place(value))
    }

    /// Grid lines and the numbers of the horizontal axis.
    pub fn frame(&self, plot: &mut Drawing) {
        let bottom = TOP + BODY;
        for tick in &self.y.ticks {
            plot.line("grid", (0.0, self.height(*tick)), (1.0, self.height(*tick)));
        }
        for tick in &self.x.ticks {
            let x = self.x.place(*tick);
            let anchor = if x > 0.97 { "end" } else { "middle" };
            plot.line("grid", (x, bottom), (x, bottom + 4.0));
            plot.text("tick", (x, bottom + 18.0), anchor, &self.x.label(*tick));
        }
    }

    /// A plot with the numbers of the vertical axis to its left.
    pub fn with_numbers(&self, plot: Drawing, label: &str) -> String {
        let mut axis = Drawing::new(self.whole_height());
        self.numbers(&mut axis);
        format!(
            r#"<div class="plot">{}{}</div>"#,
            axis.finish("numbers", None),
            plot.finish("area", Some(label))
        )
    }

    /// The numbers of the vertical axis, at the right edge.
    pub fn numbers(&self, axis: &mut Drawing) {
        for tick in &self.y.ticks {
            let text = format!("{}{}", self.y.label(*tick), self.suffix);
            axis.text("tick", (1.0, self.height(*tick) + 4.0), "end", &text);
        }
    }

    /// What a screen reader says: where each line ends.
    fn spoken(&self, series: &[Series]) -> String {
        let mut text = format!("{} over {}.", self.title, self.unit);
        for line in series {
            let last = line.points.iter().rfind(|(_, y)| y.is_finite());
            if let (Some(name), Some((_, last))) = (&line.name, last) {
                let _ = write!(text, " {name} ends at {last:.4}{}.", self.suffix);
            }
        }
        text
    }
}

fn legend(series: &[Series]) -> String {
    let named = series.iter().filter_map(|line| Some((line.name.as_deref()?, line.class)));
    named
        .map(|(name, class)| {
            format!(
                "<span class=\"key\"><svg aria-hidden=\"true\" width=\"22\" height=\"10\"><line class=\"curve \
                 {class}\" x1=\"1\" y1=\"5\" x2=\"21\" y2=\"5\"/></svg>{}</span>",
                escape(name)
            )
        })
        .collect()
}

/// As many points as a screen can show: of neighbours the least and the greatest, so that no peak is lost.
pub fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let length = points.len().div_ceil(POINTS / 2);
    let mut thin = Vec::with_capacity(POINTS + 2);
    for part in points.chunks(length) {
        let of = |order: fn(&f64, &f64) -> bool| {
            let finite = part.iter().enumerate().filter(|(_, point)| point.1.is_finite());
            finite.reduce(|best, next| if order(&next.1.1, &best.1.1) { next } else { best })
        };
        match (of(f64::lt), of(f64::gt)) {
            (Some(least), Some(greatest)) => {
                let (first, second) =
                    if least.0 <= greatest.0 { (least, greatest) } else { (greatest, least) };
                thin.push(*first.1);
                if first.0 != second.0 {
                    thin.push(*second.1);
                }
            }
            _ => thin.extend(part.first()),
        }
    }
    thin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_survive_thinning() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|x| (f64::from(x), 1.0)).collect();
        points[54_321].1 = 9.0;
        points[54_322].1 = -9.0;
        points[7].1 = f64::NAN;
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS + 2 && thin.is_sorted_by(|a, b| a.0 < b.0), "{}", thin.len());
        assert!(thin.contains(&(54_321.0, 9.0)) && thin.contains(&(54_322.0, -9.0)));
        assert!(thinned(&vec![(0.0, f64::NAN); 5000]).iter().all(|point| point.1.is_nan()));
    }
}
