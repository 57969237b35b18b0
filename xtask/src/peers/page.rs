//! The page: the table of all sides, their times beside the first peer's, and the rooflines of our networks.

use std::fmt::Write;

use super::Report;
use super::roofline;
use super::row::{Row, Workload};
use super::side::Side;
use super::table;
use crate::machine::human_bytes;
use crate::report::bars::{ROW_HEIGHT, absent_row, bar_row, broken, figure, grid, heading, tbody, whisker};
use crate::report::parts::{document, inline, section};
use crate::report::svg::{Drawing, Scale, escape};
use crate::report::three_digits;

/// Where bars end: beside one that is many times as long, the others would all be stubs.
const LONGEST: f64 = 4.0;

/// The whole page; ratios are to `first`.
pub fn page(report: &Report<'_>, first: Side) -> String {
    let mut body = String::new();
    head(&mut body, report, first);
    section(&mut body, &format!("Times beside {}", first.title()), &times(report.rows, first));
    section(&mut body, "Every number", &table::html(report.rows));
    section(&mut body, "What is left to gain", &rooflines(report));
    document("EfficientNet on Burn: inference beside other libraries", &body)
}

fn head(body: &mut String, report: &Report<'_>, first: Side) {
    let machine = &report.machine;
    let _ = write!(
        body,
        "<h1>EfficientNet on Burn: inference beside other libraries</h1>\n<p class=\"when\">{} on {}, {} processors</p>\n\
         <p class=\"lead\">{}</p>\n<dl>\n",
        escape(&report.started),
        escape(machine.cpu.as_deref().unwrap_or("an unnamed processor")),
        machine.cores,
        escape(&headline(report.rows, first))
    );
    for (name, value) in facts(report) {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", inline(&value));
    }
    body.push_str("</dl>\n");
}

/// Of how many workloads ours is the faster.
fn headline(rows: &[Row], first: Side) -> String {
    let ratios: Vec<f64> = rows
        .iter()
        .filter(|row| row.side == Side::Ours)
        .filter_map(|row| row.ratio.map(|ratio| ratio.median))
        .collect();
    let (least, most) =
        (ratios.iter().copied().fold(f64::INFINITY, f64::min), ratios.iter().copied().fold(0.0, f64::max));
    let faster = ratios.iter().filter(|&&ratio| ratio < 1.0).count();
    let first = first.title();
    match ratios.len() {
        0 => format!("Nothing could be held against {first}."),
        1 => format!("This workspace takes {least:.2} times as long as {first}."),
        count => {
            let [least, most] = [least, most].map(|ratio| format!("{ratio:.2}"));
            let range = if least == most { least } else { format!("{least} to {most}") };
            format!(
                "This workspace takes {range} times as long as {first}: less in {faster} of {count} cases."
            )
        }
    }
}

fn facts(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let machine = &report.machine;
    let mut list = vec![("System", machine.os.clone())];
    list.extend(machine.memory_bytes.map(|bytes| ("Memory", human_bytes(bytes))));
    let libraries = table::libraries(report.rows);
    if !libraries.is_empty() {
        list.push(("Libraries", libraries.replace('\n', "; ")));
    }
    let commit = report.commit.as_deref().map_or(String::new(), |commit| format!(", commit {commit}"));
    let rustc = machine.rustc.as_deref().unwrap_or("an unknown rustc");
    list.push(("Versions", format!("{rustc}{commit}")));
    list.push(("Command", format!("`{}`", report.command.replace('`', "'"))));
    let pinned = if report.pinned { "each pinned to the same processors" } else { "pinned to no processor" };
    list.push((
        "Times",
        format!(
            "f32; medians of fresh processes of each side in turn, {pinned}; a ratio has the least and the most of the \
             rounds"
        ),
    ));
    list
}

/// A chart for each network: all sides' times over the first peer's, one group a workload.
fn times(rows: &[Row], first: Side) -> String {
    let most = rows.iter().filter_map(|row| row.ratio.map(|ratio| ratio.median.max(ratio.most)));
    let scale = Scale::linear(most.fold(1.0, f64::max).min(LONGEST), 4);
    let mut models: Vec<&str> = Vec::new();
    for row in rows {
        if !models.contains(&row.workload.model.as_str()) {
            models.push(&row.workload.model);
        }
    }
    let unit = format!("times as long as {}; a broken bar is longer than drawn", first.title());
    let charts = models.into_iter().map(|model| {
        let own: Vec<&Row> = rows.iter().filter(|row| row.workload.model == model).collect();
        let groups = own.chunk_by(|a, b| a.workload == b.workload);
        let bodies: String = groups.map(|rows| group(rows, &scale)).collect();
        let pixels = own.first().map_or(0, |row| row.workload.resolution);
        figure(model, &format!("{pixels} px"), &unit, &bodies, &scale)
    });
    let charts: String = charts.collect();
    if charts.is_empty() {
        return charts;
    }
    format!("<p>Shorter is better.</p><div class=\"charts sides\">{charts}</div>")
}

fn group(rows: &[&Row], scale: &Scale) -> String {
    let title = |workload: &Workload| {
        let plural = if workload.threads == 1 { "" } else { "s" };
        format!("batch {}, {} thread{plural}", workload.batch, workload.threads)
    };
    let mut body = rows.first().map_or(String::new(), |row| heading(&title(&row.workload)));
    for row in rows {
        let class = row.side.name();
        let who = format!(r#"<i class="dot {class}"></i>{}"#, escape(row.side.title()));
        let (Some(ms), Some(ratio)) = (&row.ms, &row.ratio) else {
            body.push_str(&absent_row(&who, row.reason.as_deref().unwrap_or("nothing to hold it against")));
            continue;
        };
        let mut drawing = Drawing::new(ROW_HEIGHT);
        grid(&mut drawing, scale, ROW_HEIGHT);
        drawing.bar(&format!("fill {class}"), (0.0, scale.place(ratio.median)), 6.0, ROW_HEIGHT - 12.0);
        if scale.holds(ratio.most) {
            whisker(&mut drawing, scale.place(ratio.least), scale.place(ratio.most));
        } else if !scale.holds(ratio.median) {
            broken(&mut drawing);
        }
        let one = scale.place(1.0);
        drawing.line("level", (one, 0.0), (one, ROW_HEIGHT));
        let cells = [format!("{} ms", three_digits(ms.median)), format!("{:.2}×", ratio.median)];
        let class = match row.side {
            Side::Ours if ratio.median <= 1.0 => "best",
            Side::Ours => "best slower",
            _ => "",
        };
        body.push_str(&bar_row(class, &who, &drawing.finish(None), &cells));
    }
    tbody(&body)
}

fn rooflines(report: &Report<'_>) -> String {
    if report.layers.is_empty() {
        return String::new();
    }
    let intro = format!(
        "<p>The steps of this workspace's networks, each beside the least that it can take on this machine.</p>\n\
         <div class=\"method\"><p>{} What was tried on the steps that are furthest from their bound stands in \
         <code>docs/kernels.md</code>.</p></div>\n",
        roofline::METHOD
    );
    intro + &report.layers.iter().map(roofline::html).collect::<String>()
}
