//! The charts: tables whose middle column is a drawing.
//!
//! The names and the numbers are ordinary table cells. They can be read aloud, selected and printed, and the drawing
//! between them is an aid.

use std::fmt::Write;

use super::bars::{
    ROW_HEIGHT, absent_row, bar_row, broken, figure, grid, heading, tbody, tick_label, whisker,
};
use super::number::{count, mebibytes, ms, ratio, three_digits};
use super::summary::{Group, Model, is_software};
use super::svg::{Drawing, Scale, escape};
use crate::backend::Backend;
use crate::compare::row::{Measure, Row};

/// The class that colours a backend.
pub fn colour(backend: &str) -> &str {
    if Backend::ALL.iter().any(|known| known.name() == backend) { backend } else { "other" }
}

/// The name of a row's backend, with its colour.
pub fn name(row: &Row) -> String {
    let software = if is_software(row) { r#"<span class="mark">software</span>"# } else { "" };
    format!(r#"<i class="dot {}"></i>{}{software}"#, colour(&row.backend), escape(&row.backend))
}

/// Time of one image, one group a batch size.
pub fn latency(model: &Model<'_>) -> String {
    let end = |row: &Row| row.per_image(|m| m.p90_ms.max(m.median_ms));
    let longest = |software: bool| {
        all(model).filter(|row| is_software(row) == software).filter_map(end).fold(0.0, f64::max)
    };
    // A software Vulkan is so slow that the others would all be stubs beside it: its bar is broken instead.
    let (real, software) = (longest(false), longest(true));
    let broken = real > 0.0 && software > 2.0 * real;
    let scale = Scale::linear(if broken { real } else { real.max(software) }, 4);
    let bodies = model.groups.iter().map(|group| latency_group(group, &scale)).collect::<String>();
    let unit = if broken {
        "milliseconds an image; a broken bar is longer than drawn"
    } else {
        "milliseconds an image"
    };
    figure(model.name, &facts(model), unit, &bodies, &scale)
}

fn latency_group(group: &Group<'_>, scale: &Scale) -> String {
    let fastest = group.fastest().map(|row| row.backend.as_str());
    let mut body = heading(&format!("batch {}", group.batch));
    for row in sorted(group, |measure| measure.median_ms) {
        let (Some(time), Some(low), Some(high)) =
            (row.ms_per_image(), row.per_image(|m| m.p10_ms), row.per_image(|m| m.p90_ms))
        else {
            body.push_str(&absent(row));
            continue;
        };
        let mut drawing = Drawing::new(ROW_HEIGHT);
        grid(&mut drawing, scale, ROW_HEIGHT);
        let colour = colour(&row.backend);
        drawing.bar(&format!("fill {colour}"), (0.0, scale.place(time)), 6.0, ROW_HEIGHT - 12.0);
        if scale.holds(high) {
            whisker(&mut drawing, scale.place(low), scale.place(high));
        } else {
            broken(&mut drawing);
        }
        let class = if fastest == Some(row.backend.as_str()) { "best" } else { "" };
        let far = group.ratio(row).filter(|_| class.is_empty()).map_or_else(|| "fastest".to_string(), ratio);
        let cells = [ms(time), far];
        body.push_str(&bar_row(class, &name(row), &drawing.finish(None), &cells));
    }
    tbody(&body)
}

/// The rows of a group, least first; those without a measurement last.
fn sorted<'a>(group: &Group<'a>, key: impl Fn(&Measure) -> f64) -> Vec<&'a Row> {
    let mut rows = group.rows.clone();
    let key = |row: &Row| row.measure.as_ref().map_or(f64::INFINITY, &key);
    rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
    rows
}

/// The most memory held, at the largest batch size that anything was measured at.
pub fn memory(model: &Model<'_>) -> Option<String> {
    let bytes = |row: &Row| row.measure.as_ref().and_then(|measure| measure.peak_rss_bytes);
    let group = model.groups.iter().rev().find(|group| group.rows.iter().any(|row| bytes(row).is_some()))?;
    let mebi = |value: u64| value as f64 / 1_048_576.0;
    let largest = group.rows.iter().filter_map(|row| bytes(row)).max()?;
    let least = group.rows.iter().filter_map(|row| bytes(row)).min()?;
    let scale = Scale::linear(mebi(largest), 4);
    let mut body = heading(&format!("batch {}", group.batch));
    for row in sorted(group, |measure| measure.peak_rss_bytes.map_or(f64::INFINITY, |bytes| bytes as f64)) {
        let Some(value) = bytes(row) else {
            body.push_str(&absent(row));
            continue;
        };
        let mut drawing = Drawing::new(ROW_HEIGHT);
        grid(&mut drawing, &scale, ROW_HEIGHT);
        let class = format!("fill {}", colour(&row.backend));
        drawing.bar(&class, (0.0, scale.place(mebi(value))), 6.0, ROW_HEIGHT - 12.0);
        let class = if value == least { "best" } else { "" };
        let far = if value == least { "least".to_string() } else { ratio(value as f64 / least as f64) };
        body.push_str(&bar_row(class, &name(row), &drawing.finish(None), &[mebibytes(value), far]));
    }
    Some(figure(model.name, "", "mebibytes held at most", &tbody(&body), &scale))
}

/// The first call beside a steady one, at the smallest batch size that anything was measured at.
pub fn first_call(model: &Model<'_>) -> Option<String> {
    let group = model.groups.iter().find(|group| group.fastest().is_some())?;
    let times = |m: &Measure| [m.first_call_ms, m.median_ms];
    let scale = Scale::logarithmic(group.rows.iter().filter_map(|row| row.measure.as_ref()).flat_map(times));
    let mut body = heading(&format!("batch {}", group.batch));
    for row in sorted(group, |measure| measure.first_call_ms) {
        let Some(measure) = &row.measure else {
            body.push_str(&absent(row));
            continue;
        };
        let mut drawing = Drawing::new(ROW_HEIGHT);
        grid(&mut drawing, &scale, ROW_HEIGHT);
        let [first, steady] = times(measure).map(|time| scale.place(time));
        let (colour, middle) = (colour(&row.backend), ROW_HEIGHT / 2.0);
        drawing.line(&format!("link {colour}"), (steady, middle), (first, middle));
        drawing.disc(&format!("fill {colour}"), (steady, middle), 5.0);
        drawing.disc(&format!("ring {colour}"), (first, middle), 5.0);
        let cells = [ms(measure.first_call_ms), ratio(measure.first_call_ms / measure.median_ms)];
        body.push_str(&bar_row("", &name(row), &drawing.finish(None), &cells));
    }
    Some(figure(
        model.name,
        "",
        "milliseconds a batch; each line is ten times the one before",
        &tbody(&body),
        &scale,
    ))
}

/// Images a second over the batch size; nothing where there is one size only.
pub fn throughput(model: &Model<'_>) -> Option<String> {
    let mut batches: Vec<usize> =
        model.groups.iter().filter(|group| group.fastest().is_some()).map(|group| group.batch).collect();
    batches.sort_unstable();
    if batches.len() < 2 {
        return None;
    }
    let rate = |row: &Row| row.measure.as_ref().map(|measure| measure.images_per_second);
    let scale = Scale::linear(all(model).filter_map(rate).fold(0.0, f64::max), 4);
    let (top, bottom, left, right) = (12.0, 170.0, 13.0, 78.0);
    let y = |value: f64| bottom - scale.place(value) / 100.0 * (bottom - top);
    let x = |index: usize| left + (right - left) * index as f64 / (batches.len() - 1) as f64;
    let mut drawing = Drawing::new(bottom + 34.0);
    for tick in &scale.ticks {
        drawing.line("grid", (left, y(*tick)), (right, y(*tick)));
        drawing.text("tick", (left, y(*tick) + 4.0), "end", -8.0, &tick_label(*tick));
    }
    for (index, batch) in batches.iter().enumerate() {
        drawing.text("tick", (x(index), bottom + 16.0), "middle", 0.0, &batch.to_string());
    }
    drawing.text("tick", ((left + right) / 2.0, bottom + 31.0), "middle", 0.0, "images in a batch");
    let mut ends = Vec::new();
    let mut spoken = String::new();
    for backend in model.backends() {
        let points: Vec<(f64, f64, f64)> = batches
            .iter()
            .enumerate()
            .filter_map(|(index, batch)| {
                let group = model.groups.iter().find(|group| group.batch == *batch)?;
                let value = rate(group.row(backend)?)?;
                Some((x(index), y(value), value))
            })
            .collect();
        for pair in points.windows(2) {
            drawing.line(
                &format!("curve {}", colour(backend)),
                (pair[0].0, pair[0].1),
                (pair[1].0, pair[1].1),
            );
        }
        for point in &points {
            drawing.disc(&format!("fill {}", colour(backend)), (point.0, point.1), 4.0);
        }
        if let Some(last) = points.last() {
            ends.push((last.1, last.0, backend));
            let values: Vec<String> = points.iter().map(|point| three_digits(point.2)).collect();
            let _ = write!(spoken, " {backend}: {}.", values.join(", "));
        }
    }
    for (label_y, end_x, backend) in apart(ends, 15.0, bottom) {
        drawing.text(&format!("end {}", colour(backend)), (end_x, label_y + 4.0), "start", 9.0, backend);
    }
    let label = format!("{}, images a second by batch size.{spoken}", model.name);
    Some(format!(
        r#"<figure class="chart"><figcaption><b>{}</b></figcaption>{}<p class="axis">images a second</p></figure>"#,
        escape(model.name),
        drawing.finish(Some(&label))
    ))
}

/// Labels at the ends of curves, moved until they are `gap` pixels apart and none is below `floor`.
fn apart(mut ends: Vec<(f64, f64, &str)>, gap: f64, floor: f64) -> Vec<(f64, f64, &str)> {
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut limit = floor;
    ends.into_iter()
        .map(|(y, x, name)| {
            let place = y.min(limit);
            limit = place - gap;
            (place, x, name)
        })
        .collect()
}

fn all<'a>(model: &Model<'a>) -> impl Iterator<Item = &'a Row> {
    model.groups.iter().flat_map(|group| group.rows.iter().copied())
}

/// A row without a drawing, and why.
fn absent(row: &Row) -> String {
    absent_row(&name(row), if row.measure.is_some() { "not told" } else { row.status.label() })
}

fn facts(model: &Model<'_>) -> String {
    model.any().map_or(String::new(), |measure| {
        format!(
            "{} px, {} parameters, {} MACs",
            measure.resolution,
            count(measure.params),
            count(measure.macs)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_upwards() {
        let placed = apart(vec![(100.0, 80.0, "a"), (104.0, 80.0, "b"), (50.0, 80.0, "c")], 15.0, 170.0);
        let names: Vec<_> = placed.iter().map(|label| (label.2, label.0)).collect();
        assert_eq!(names, [("b", 104.0), ("a", 89.0), ("c", 50.0)]);
    }
}
