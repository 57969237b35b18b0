//! The page: one file without any other, readable from a disk, on a telephone, in the dark and on paper.

use std::fmt::Write;

use super::Run;
use super::charts;
use super::number::{difference, mebibytes, percent, three_digits};
use super::parts::{document, inline, section, table};
use super::summary::{self, Model};
use super::svg::escape;
use crate::compare::row::{Kind, Row};
use crate::machine::human_bytes;

/// The whole page.
pub fn page(run: &Run, rows: &[Row]) -> String {
    let models = summary::models(rows);
    let mut body = String::new();
    head(&mut body, run, rows, &models);
    chart_sections(&mut body, &models);
    section(&mut body, "Do they give the same answers?", &agreement(run, rows));
    section(&mut body, "Accuracy", &accuracy(rows));
    section(&mut body, "Without a result", &failures(rows));
    section(&mut body, "Every number", &everything(rows));
    let method =
        summary::method(run).iter().map(|text| format!("<p>{}</p>", inline(text))).collect::<String>();
    section(&mut body, "How it was measured", &format!(r#"<div class="method">{method}</div>"#));
    document("EfficientNet on Burn: backends compared", &body)
}

fn head(body: &mut String, run: &Run, rows: &[Row], models: &[Model<'_>]) {
    let cores = run.machine.cores;
    let _ = write!(
        body,
        "<h1>EfficientNet on Burn: backends compared</h1>\n<p class=\"when\">{} on {}, {cores} threads</p>\n\
         <p class=\"lead\">{}</p>\n<ul class=\"findings\">\n",
        escape(&run.started),
        escape(run.machine.cpu.as_deref().unwrap_or("an unnamed processor")),
        inline(&summary::headline(models))
    );
    for model in models {
        let _ = writeln!(body, "<li>{}</li>", inline(&summary::finding(model)));
    }
    body.push_str("</ul>\n");
    if let Some((good, text)) = summary::agreement(run, rows) {
        let (class, word) = if good { ("good", "Same answers.") } else { ("bad", "Different answers.") };
        let _ = writeln!(body, r#"<p class="box {class}"><b>{word}</b>{}</p>"#, inline(&text));
    }
    for gap in summary::gaps(run, rows) {
        let _ = writeln!(body, r#"<p class="box note"><b>Incomplete.</b>{}</p>"#, inline(&gap));
    }
    body.push_str("<dl>\n");
    for (name, value) in facts(run, rows) {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", inline(&value));
    }
    body.push_str("</dl>\n");
}

/// What was run on what, as names and values; the Markdown shows the same.
pub fn facts(run: &Run, rows: &[Row]) -> Vec<(&'static str, String)> {
    let machine = &run.machine;
    let mut list = vec![("Processor", machine.cpu.clone().unwrap_or_else(|| "unknown".to_string()))];
    list.push(("Threads", machine.cores.to_string()));
    list.extend(machine.memory_bytes.map(|bytes| ("Memory", human_bytes(bytes))));
    list.push(("System", machine.os.clone()));
    let mut devices: Vec<String> = Vec::new();
    for row in rows {
        if let Some(text) = row.measure.as_ref().and_then(|measure| measure.device_description.as_deref()) {
            let device = format!("`{}`: {text}", row.backend);
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
    }
    if !devices.is_empty() {
        list.push(("Devices", devices.join("; ")));
    }
    let burn = run.burn.as_deref().map_or(String::new(), |version| format!("Burn {version}, "));
    let commit = run.commit.as_deref().map_or(String::new(), |commit| format!(", commit {commit}"));
    let rustc = machine.rustc.as_deref().unwrap_or("an unknown rustc");
    list.push(("Versions", format!("{burn}{rustc}{commit}")));
    list.extend(run.features.as_ref().map(|features| ("Features", format!("`{features}`"))));
    list.push(("Command", format!("`{}`", run.command.replace('`', "'"))));
    list
}

fn chart_sections(body: &mut String, models: &[Model<'_>]) {
    let figures = |figures: Vec<String>| {
        if figures.is_empty() {
            String::new()
        } else {
            format!("<div class=\"charts\">{}</div>", figures.concat())
        }
    };
    let measured: Vec<&Model<'_>> = models.iter().filter(|model| model.any().is_some()).collect();
    let each = |draw: fn(&Model<'_>) -> Option<String>| {
        figures(measured.iter().filter_map(|model| draw(model)).collect())
    };
    let latency = each(|model| Some(charts::latency(model)));
    let with = |text: &str, charts: String| {
        if charts.is_empty() { charts } else { format!("<p>{text}</p>{charts}") }
    };
    section(
        body,
        "Time for one image",
        &with("Median, with whiskers from the 10th to the 90th percentile. Shorter is better.", latency),
    );
    section(
        body,
        "More images at once",
        &with("Images a second as the batch grows. Higher is better.", each(charts::throughput)),
    );
    let first = "What the first batch of a process takes <i class=\"key\"></i> beside a later one <i class=\"key full\"></i>, \
                 and how many times as long. It decides for a program that starts, answers once and ends.";
    section(body, "The first call", &with(first, each(charts::first_call)));
    section(
        body,
        "Memory",
        &with("The most that the process held. Shorter is better.", each(charts::memory)),
    );
}

fn agreement(run: &Run, rows: &[Row]) -> String {
    let compared: Vec<_> = rows.iter().filter_map(|row| Some((row, row.agreement()?))).collect();
    if compared.is_empty() {
        return String::new();
    }
    let lines = compared.into_iter().map(|(row, agreement)| {
        let (class, word) = if agreement.agrees() { ("good", "the same") } else { ("bad", "different") };
        let top1 = format!("{} of {}", agreement.top1_same, agreement.images);
        let cells = vec![
            escape(&row.model),
            charts::name(row),
            row.batch.to_string(),
            format!(r#"<span class="badge {class}">{word}</span>"#),
            difference(agreement.max_abs),
            difference(agreement.max_rel),
            top1,
        ];
        ("", cells)
    });
    let intro = format!(
        "<p>Logits for the same weights and images, held against those of <code>{}</code>.</p>",
        run.reference
    );
    let headings = [
        "Network",
        "Backend",
        "#Batch",
        "Answers",
        "#Largest difference",
        "#Relative to the largest logit",
        "#Same first class",
    ];
    intro + &table(&headings, lines.collect())
}

fn accuracy(rows: &[Row]) -> String {
    let lines: Vec<_> = summary::evaluations(rows)
        .into_iter()
        .filter_map(|row| {
            let eval = row.eval.as_ref()?;
            let cells = vec![
                escape(&row.model),
                charts::name(row),
                percent(eval.top1),
                percent(eval.top5),
                eval.images.to_string(),
                three_digits(eval.images_per_second),
            ];
            Some(("", cells))
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    "<p>On the labelled images that were given; reading and decoding them is part of the speed.</p>"
        .to_string()
        + &table(&["Network", "Backend", "#Top-1", "#Top-5", "#Images", "#Images a second"], lines)
}

fn failures(rows: &[Row]) -> String {
    let lines: Vec<_> = summary::failures(rows)
        .into_iter()
        .map(|row| {
            let batch = if row.kind == Kind::Eval { "evaluation".to_string() } else { row.batch.to_string() };
            let why = inline(row.reason.as_deref().unwrap_or("no reason given"));
            ("", vec![escape(&row.model), charts::name(row), batch, row.status.label().to_string(), why])
        })
        .collect();
    if lines.is_empty() {
        String::new()
    } else {
        table(&["Network", "Backend", "#Batch", "Outcome", "Why"], lines)
    }
}

fn everything(rows: &[Row]) -> String {
    let mut lines = Vec::new();
    let mut before: Option<(&str, usize)> = None;
    for model in summary::models(rows) {
        for group in &model.groups {
            for row in &group.rows {
                let Some(measure) = &row.measure else { continue };
                let ms = |value: f64| three_digits(value);
                let cells = vec![
                    escape(&row.model),
                    charts::name(row),
                    row.batch.to_string(),
                    measure.resolution.to_string(),
                    ms(row.ms_per_image().unwrap_or_default()),
                    ms(measure.median_ms),
                    ms(measure.min_ms),
                    ms(measure.p10_ms),
                    ms(measure.p90_ms),
                    three_digits(measure.images_per_second),
                    three_digits(measure.macs as f64 * measure.images_per_second / 1e9),
                    ms(measure.first_call_ms),
                    ms(measure.load_ms),
                    measure.peak_rss_bytes.map_or_else(String::new, mebibytes),
                    measure.runs.to_string(),
                    measure.threads.map_or_else(String::new, |threads| threads.to_string()),
                ];
                let key = (model.name, group.batch);
                let class = if before.is_some_and(|old| old != key) { "new" } else { "" };
                before = Some(key);
                lines.push((class, cells));
            }
        }
    }
    let headings = [
        "Network",
        "Backend",
        "#Batch",
        "#px",
        "#ms an image",
        "#ms a batch",
        "#fastest",
        "#10th",
        "#90th",
        "#images/s",
        "#GMAC/s",
        "#first call, ms",
        "#load, ms",
        "#memory",
        "#runs",
        "#threads",
    ];
    if lines.is_empty() { String::new() } else { table(&headings, lines) }
}
