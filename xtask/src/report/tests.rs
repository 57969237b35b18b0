//! A report is made of rows of every kind and looked at as text.

use super::*;
use crate::compare::row::{Agreement, Eval, Kind, Measure, Status};

fn run() -> Run {
    Run {
        started: "2026-01-02 03:04 UTC".into(),
        command: "cargo xtask compare --backends flex,tch".into(),
        machine: Machine {
            cpu: Some("Some <CPU>".into()),
            cores: 2,
            os: "Debian".into(),
            ..Machine::default()
        },
        commit: Some("0123456789ab+".into()),
        burn: Some("0.22.1".into()),
        features: Some("flex,ndarray,wgpu,vulkan,tch".into()),
        reference: Backend::Flex,
        planned: 7,
        complete: true,
    }
}

fn measured(backend: &str, batch: usize, ms: f64) -> Row {
    Row {
        kind: Kind::Measure,
        model: "efficientnet-b0".into(),
        backend: backend.into(),
        batch,
        status: Status::Ok,
        reason: None,
        wall_seconds: 5.0,
        measure: Some(Measure {
            device_description: Some(if backend == "wgpu" { "SwiftShader Device" } else { "CPU" }.into()),
            resolution: 224,
            params: 5_288_548,
            macs: 390_000_000,
            first_call_ms: ms * 3.0,
            runs: 20,
            median_ms: ms,
            min_ms: ms * 0.9,
            p10_ms: ms * 0.95,
            p90_ms: ms * 1.1,
            images_per_second: 1000.0 * batch as f64 / ms,
            peak_rss_bytes: Some(300 << 20),
            agreement: (backend != "flex").then(|| Agreement {
                reference: "flex".into(),
                max_abs: Some(1e-5),
                max_rel: Some(2e-6),
                top1_same: batch as u64,
                images: batch as u64,
            }),
            ..Measure::default()
        }),
        eval: None,
    }
}

fn rows() -> Vec<Row> {
    let broken = |backend: &str, status, reason: &str| Row {
        status,
        reason: Some(reason.into()),
        measure: None,
        ..measured(backend, 8, 1.0)
    };
    vec![
        measured("flex", 1, 80.0),
        measured("tch", 1, 20.0),
        measured("wgpu", 1, 700.0),
        measured("flex", 8, 640.0),
        measured("tch", 8, 160.0),
        broken("wgpu", Status::TimedOut, "still running after 300 s"),
        Row {
            eval: Some(Eval { top1: 0.7812, top5: 0.94, images: 50, images_per_second: 9.5 }),
            measure: None,
            kind: Kind::Eval,
            ..measured("flex", 0, 1.0)
        },
    ]
}

#[test]
fn the_headline_names_the_fastest_and_the_distance() {
    let rows = rows();
    let models = summary::models(&rows);
    assert_eq!(
        summary::headline(&models),
        "`tch` is the fastest backend in all 2 cases; `flex` comes next and takes 4.0 times as long."
    );
    let finding = summary::finding(&models[0]);
    assert!(
        finding.contains("`tch` is fastest with 20.0 ms an image at batch 1 and 20.0 ms at batch 8"),
        "{finding}"
    );
    assert!(finding.contains("`wgpu` takes 35 times as long (software Vulkan)"), "{finding}");
}

#[test]
fn a_changing_winner_is_told() {
    let rows = [
        measured("flex", 1, 10.0),
        measured("tch", 1, 10.2),
        measured("flex", 8, 100.0),
        measured("tch", 8, 50.0),
    ];
    let models = summary::models(&rows);
    assert!(
        summary::headline(&models).contains("`flex` in 1 and `tch` in 1 of 2"),
        "{}",
        summary::headline(&models)
    );
    let finding = summary::finding(&models[0]);
    assert!(
        finding
            .contains("fastest is `flex` with 10.0 ms an image at batch 1 and `tch` with 6.25 ms at batch 8"),
        "{finding}"
    );
    assert!(finding.contains("`tch` is level with it"), "{finding}");
    assert_eq!(summary::headline(&[]), "Nothing could be measured.");
}

#[test]
fn a_difference_is_a_warning() {
    let mut rows = rows();
    assert!(summary::agreement(&run(), &rows).unwrap().0);
    rows[1].measure.as_mut().unwrap().agreement.as_mut().unwrap().max_rel = Some(0.3);
    let (good, text) = summary::agreement(&run(), &rows).unwrap();
    assert!(!good && text.starts_with("1 of 3") && text.contains("`tch`"), "{text}");
    assert!(html::page(&run(), &rows).contains("Different answers."));
    assert!(markdown::text(&run(), &rows).contains("**different**"));
}

#[test]
fn the_page_stands_alone_and_hides_nothing() {
    let page = html::page(&run(), &rows());
    for absent in ["http", "<script", "<link", "<img", "url(", "@import", "Some <CPU>"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for present in [
        "Some &lt;CPU&gt;",
        "timed out",
        "still running after 300 s",
        "78.12 %",
        "software",
        "prefers-color-scheme",
        "commit 0123456789ab+",
    ] {
        assert!(page.contains(present), "{present}");
    }
    for element in ["table", "svg", "section", "figure", "tr", "tbody", "td", "th"] {
        let opened =
            page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn the_markdown_has_the_same_numbers() {
    let text = markdown::text(&run(), &rows());
    for present in
        ["| efficientnet-b0 | tch | 8 | 20.0 ms | 1.0× |", "wgpu (software)", "timed out", "78.12 %", "2e-6"]
    {
        assert!(text.contains(present), "{present} in\n{text}");
    }
}

#[test]
fn an_interrupted_run_says_so() {
    let run = Run { complete: false, ..run() };
    assert!(html::page(&run, &rows()[..2]).contains("Stopped early: 2 of 7 combinations were measured."));
    assert!(markdown::text(&run, &[]).contains("Stopped early: 0 of 7"));
    assert!(html::page(&run, &[]).contains("Nothing could be measured."));
}

#[test]
fn rows_and_run_survive_their_files() {
    let folder = tempfile::tempdir().unwrap();
    run().save(folder.path()).unwrap();
    assert_eq!(Run::load(folder.path()).unwrap().planned, 7);
    let lines: Vec<String> = rows().iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    let path = folder.path().join(ROWS_FILE);
    fs::write(&path, lines.join("\n") + "\n{\"model\": \"cut sho").unwrap();
    assert_eq!(read_rows(folder.path()).unwrap(), rows());
    fs::write(&path, "nonsense\n").unwrap();
    assert!(read_rows(folder.path()).unwrap_err().message.starts_with("line 1 of"));
    write(&run(), &rows(), folder.path()).unwrap();
    assert!(folder.path().join(HTML_FILE).is_file() && folder.path().join(MARKDOWN_FILE).is_file());
}

#[test]
fn dates_are_right() {
    assert_eq!(utc(0), "1970-01-01 00:00 UTC");
    assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
    assert_eq!(utc(1_709_251_199), "2024-02-29 23:59 UTC");
    assert_eq!(utc(4_107_542_400), "2100-03-01 00:00 UTC");
}

#[test]
fn the_command_can_be_typed_again() {
    let words = ["compare", "--data", "my images", "--out", "it's"].map(String::from);
    assert_eq!(command_line(words.into_iter()), r"cargo xtask compare --data 'my images' --out 'it'\''s'");
}

#[test]
fn versions_come_from_the_lock_file() {
    let lock = "[[package]]\nname = \"burn-nn\"\nversion = \"1\"\n\n[[package]]\nname = \"burn\"\nversion = \"0.22.1\"\n";
    assert_eq!(locked_version(lock, "burn").as_deref(), Some("0.22.1"));
    assert_eq!(locked_version(lock, "absent"), None);
}
