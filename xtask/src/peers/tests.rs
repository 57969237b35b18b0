use clap::Parser;

use super::layers::{Layers, Reading, Step};
use super::row::Workload;
use super::sides::note;
use super::*;
use crate::compare::row::Measure;

#[derive(Debug, Parser)]
struct Cli {
    filter: Option<String>,
    #[arg(long, default_value = "flex")]
    backends: String,
    #[command(flatten)]
    options: Options,
}

fn parsed(line: &[&str]) -> std::result::Result<Options, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"bench").chain(line)).map(|cli| cli.options)
}

fn options(line: &[&str]) -> Options {
    parsed(line).unwrap()
}

#[test]
fn all_peers_are_meant_where_none_is_named() {
    assert_eq!(options(&["--peers"]).peers(), Side::PEERS);
    assert_eq!(options(&["--peers", "tract,ort", "--rounds", "1"]).peers(), [Side::Tract, Side::Ort]);
    assert!(!options(&[]).asked() && options(&["--peers"]).asked());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        &["--peers", "caffe"][..],
        &["--rounds", "3"],
        &["--html", "page.html"],
        &["--peers", "--batch", "0"],
        &["filter", "--peers"],
        &["--peers", "--backends", "flex"],
    ] {
        assert!(parsed(line).is_err(), "{line:?}");
    }
    for line in [&["--peers", "--seconds", "-1"][..], &["--peers", "--timeout", "0"]] {
        let line: Vec<String> = line.iter().map(ToString::to_string).collect();
        let line = [line[0].clone(), format!("{}={}", line[1], line[2])];
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        assert!(options(&line).check().is_err(), "{line:?}");
    }
    assert!(options(&["--peers", "--seconds", "0"]).check().is_ok());
}

#[test]
fn the_usual_networks_have_their_batches() {
    let networks = options(&["--peers"]).networks();
    assert_eq!(networks[0], ("efficientnet-b0".to_string(), vec![1, 16]));
    assert_eq!(networks.len(), 4);
    assert!(networks[1..].iter().all(|(_, batches)| *batches == [1]));
    let networks = options(&["--peers", "--models", "resnet18,efficientnet-b0"]).networks();
    assert_eq!(networks, [("resnet18".into(), vec![1]), ("efficientnet-b0".into(), vec![1, 16])]);
    let networks = options(&["--peers", "--models", "efficientnet-b0", "--batch", "2,3"]).networks();
    assert_eq!(networks, [("efficientnet-b0".into(), vec![2, 3])]);
}

#[test]
fn threads_are_no_more_than_processors() {
    assert_eq!(options(&["--peers"]).threads(8).unwrap(), [1, 2]);
    assert_eq!(options(&["--peers"]).threads(1).unwrap(), [1]);
    assert_eq!(options(&["--peers", "--threads", "4"]).threads(4).unwrap(), [4]);
    assert!(
        options(&["--peers", "--threads", "1,4"]).threads(2).unwrap_err().message.contains("2 processors")
    );
}

fn workload() -> Workload {
    Workload { model: "m".into(), resolution: 32, batch: 1, threads: 1 }
}

#[test]
fn the_first_logits_are_the_reference() {
    let measure = |ms: f64, peak| Measure { median_ms: ms, peak_rss_bytes: Some(peak), ..Measure::default() };
    let mut rows = [Row::new(&workload(), Side::Ort), Row::new(&workload(), Side::Ours)];
    let mut reference = None;
    note(&mut rows[0], &measure(2.0, 5), &[1.0, -4.0], &mut reference);
    note(&mut rows[1], &measure(1.0, 7), &[1.0, -3.0], &mut reference);
    note(&mut rows[0], &measure(3.0, 4), &[9.0, 9.0], &mut reference);
    note(&mut rows[1], &measure(1.5, 6), &[1.0, -4.0], &mut reference);
    assert_eq!(rows[0].rounds_ms, [2.0, 3.0]);
    assert_eq!((rows[0].difference, rows[0].peak_bytes), (None, Some(5)));
    assert_eq!((rows[1].difference, rows[1].peak_bytes), (Some(0.25), Some(7)));
}

#[test]
fn logits_that_disagree_are_an_error() {
    let row = |side, difference| Row { difference, ..Row::new(&workload(), side) };
    assert!(conclude(&[row(Side::Ort, None), row(Side::Ours, Some(1e-5))]).is_ok());
    let error = conclude(&[row(Side::Ort, None), row(Side::Candle, Some(f64::INFINITY))]).unwrap_err();
    assert!(error.message.contains("candle on m, batch 1, 1 thread"), "{error}");
    let mut ours = row(Side::Ours, None);
    ours.fail("no".into());
    assert!(conclude(&[ours]).is_err());
    let mut candle = row(Side::Candle, None);
    candle.fail("no".into());
    assert!(conclude(&[candle]).is_ok());
}

fn step(name: &str, us: f64, bound_us: f64, bound: &str) -> Step {
    Step {
        name: name.into(),
        height: 7,
        width: 7,
        macs: if bound == "memory" { 0 } else { 1_000_000 },
        weight_bytes: 40_000,
        map_bytes: 60_000,
        us,
        gflops: 2e-3 * 1e6 / us,
        gigabytes_per_second: 100.0 / us,
        arithmetic_us: bound_us,
        memory_us: bound_us,
        bound_us,
        bound: bound.into(),
        share_of_bound: bound_us / us,
    }
}

fn layers() -> Layers {
    let reading = |(bytes, gigabytes_per_second)| Reading { bytes, gigabytes_per_second };
    Layers {
        isa: "avx2".into(),
        gflops: 60.0,
        readings: [(16 << 10, 120.0), (1 << 20, 50.0), (64 << 20, 12.0)].map(reading).into(),
        network_bytes: 25 << 20,
        us: 280.0,
        bound_us: 150.0,
        furthest: vec![1, 0, 2],
        steps: vec![
            step("conv 1x1/1 16-96 <first>", 100.0, 50.0, "arithmetic"),
            step("gate", 150.0, 80.0, "memory"),
            step("classifier", 30.0, 20.0, "arithmetic"),
        ],
    }
}

/// What `efficientnet measure --layers --json` prints, and more than is read of it.
#[test]
fn layers_are_read_as_they_are_printed() {
    let text = serde_json::json!({ "median_ms": 0.3, "layers": layers(), "runs": 7 }).to_string();
    assert_eq!(Layers::read(&text), Ok(layers()));
    assert!(Layers::read(r#"{"median_ms": 0.3, "layers": null}"#).unwrap_err().contains("no layers"));
    assert_eq!([0, 1 << 20, 25 << 20].map(|bytes| layers().gigabytes(bytes)), [120.0, 50.0, 50.0].map(Some));
}

#[test]
fn the_page_has_the_table_the_times_and_the_rooflines() {
    let row = |side: Side, times: &[f64]| Row {
        rounds_ms: times.to_vec(),
        description: Some(format!("{} <1.2>", side.title())),
        ..Row::new(&workload(), side)
    };
    let mut rows =
        vec![row(Side::Ort, &[4.0, 4.0]), row(Side::Ours, &[2.0, 3.0]), row(Side::Torch, &[40.0, 44.0])];
    rows.push(Row { reason: Some("no <library>".into()), ..Row::new(&workload(), Side::Candle) });
    row::conclude(&mut rows, Some(Side::Ort));
    let roof = |threads, layers: Option<Layers>| Roof {
        workload: Workload { threads, ..workload() },
        reason: layers.is_none().then(|| "it failed".to_string()),
        layers,
    };
    let roofs = [roof(1, Some(layers())), roof(2, None)];
    let report = Report {
        started: "2026-01-02 03:04 UTC".into(),
        command: "cargo xtask bench --peers --html page.html".into(),
        machine: Machine { cpu: Some("Some <CPU>".into()), ..Machine::default() },
        commit: Some("0123456789ab".into()),
        pinned: true,
        rows: &rows,
        layers: &roofs,
    };
    let page = page::page(&report, Side::Ort);
    for present in [
        "This workspace takes 0.62 times as long as ONNX Runtime.",
        "2.50 (2.00, 3.00)",
        "not measured: no &lt;library&gt;",
        "m, 32 px, 1 thread</h3>",
        "not measured: it failed",
        "<li>gate → 7×7: 70.0 of 150 µs above the bound (memory)</li>",
        "conv 1x1/1 16-96 &lt;first&gt;<span class=\"badge rank\">2</span></td><td class=\"\">7×7</td>",
        "All 3 steps",
        "docs/kernels.md",
    ] {
        assert!(page.contains(present), "{present} in {page}");
    }
    for absent in ["http", "<script", "<link", "<img", "url(", "NaN", "inf\"", "<CPU>", "<1.2>"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for element in
        ["table", "svg", "section", "figure", "tr", "tbody", "td", "th", "details", "ol", "li", "div", "p"]
    {
        let opened =
            page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
    }
    // Without steps there is no place for them.
    let page = page::page(&Report { layers: &[], ..report }, Side::Ort);
    assert!(!page.contains("What is left to gain"));
}
