use clap::Parser;

use super::*;

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
