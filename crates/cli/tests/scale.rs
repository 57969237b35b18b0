//! `efficientnet scale` as people type it.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::process::{Command, Output};

use serde_json::Value;

fn scale(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_efficientnet")).arg("scale").args(args).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = scale(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&text(args)).unwrap()
}

/// What fails with exit status 2 and nothing on standard output.
fn failure(args: &[&str]) -> String {
    let output = scale(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn the_table_has_published_rows_counts_and_best_fit_phi() {
    let table = json(&["table", "--family", "efficientnet", "--json"]);
    let rows = table["rows"].as_array().unwrap();
    let b2 = rows.iter().find(|row| row["model"] == "efficientnet-b2").unwrap();
    assert_eq!((&b2["kind"], &b2["params"]), (&Value::from("published"), &Value::from(9_109_994)));
    assert_eq!(format!("{:.2}", b2["phi_fit"].as_f64().unwrap()), "1.04");
    assert_eq!(rows.iter().filter(|row| row["kind"] == "published").count(), 10);
    let one = rows.iter().find(|row| row["phi"] == 1.0).unwrap();
    assert_eq!((&one["kind"], &one["resolution"]), (&Value::from("power"), &Value::from(258)));
    assert_eq!(format!("{:.2}", one["macs_ratio"].as_f64().unwrap()), "2.57");
    assert_eq!(format!("{:.2}", table["constraint"].as_f64().unwrap()), "1.92");
}

#[test]
fn any_family_any_phi_any_format() {
    for family in ["mobilenetv1", "mobilenetv2", "resnet50", "efficientnet-lite", "efficientnetv2"] {
        let csv = text(&["table", "--family", family, "--phi", "-1,0.5", "--csv"]);
        assert!(csv.starts_with("kind,model,phi,"), "{csv}");
        assert_eq!(csv.lines().filter(|line| line.starts_with("power,")).count(), 2, "{csv}");
    }
    let people = text(&["table", "--phi", "1", "--alpha", "1.3", "--multiple", "8"]);
    assert!(people.contains("alpha = 1.3") && people.contains("256"), "{people}");
}

#[test]
fn fit_of_a_network_and_of_ones_own_coefficients() {
    let fit = json(&["fit", "efficientnet-b7", "--json"]);
    let phi = |key: &str| format!("{:.2}", fit["rows"][0][key].as_f64().unwrap());
    assert_eq!([phi("phi_depth"), phi("phi_width"), phi("phi_resolution")], ["6.21", "7.27", "7.05"]);
    let own = json(&[
        "fit",
        "efficientnet-b0",
        "--depth",
        "1.2",
        "--width",
        "1.1",
        "--resolution",
        "258",
        "--json",
    ]);
    assert_eq!(
        (&own["rows"][0]["kind"], &own["rows"][0]["phi_depth"]),
        (&Value::from("given"), &Value::from(1.0))
    );
    assert_eq!(own["rows"][0]["macs"], own["rows"][1]["macs"]);
}

#[test]
fn the_rivals_grow_to_one_budget() {
    let grown = json(&[
        "grow",
        "efficientnet-b0",
        "--budget",
        "1.8GMACs",
        "--rule",
        "compound,fast,depth,width,resolution",
        "--json",
    ]);
    let rows = grown["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert!(row["macs"].as_u64().unwrap() <= 1_800_000_000, "{row}");
        assert!(row["next_cost"].as_u64().unwrap() > 1_800_000_000, "{row}");
    }
    assert!(rows[1]["activations"].as_u64() < rows[0]["activations"].as_u64());
}

#[test]
fn the_grid_and_the_paper() {
    let grid = json(&["grid", "--json"]);
    assert_eq!((&grid["points"], &grid["networks"]), (&Value::from(54), &Value::from(46)));
    let paper = json(&["paper", "--table", "3", "--json"]);
    let rows = paper["rows"].as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| row["agreement"] == "misprint").count(), 2);
    assert!(rows.iter().all(|row| row["table"] == 3));
}

#[test]
fn a_baseline_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.toml");
    std::fs::write(&path, "name = \"tiny\"\nresolution = 64\nblocks = [\"r1_k3_s11_e1_i32_o16\"]\n").unwrap();
    let file = path.to_str().unwrap();
    let table = json(&["table", "--family", file, "--phi", "0,1", "--json"]);
    assert_eq!(table["rows"][1]["model"], "tiny(phi 1)");
    assert_eq!(json(&["fit", file, "--json"])["base"], "tiny");
    std::fs::write(&path, "name = \"tiny\"\nblocks = [\"r1_k3\"]\n").unwrap();
    let error = failure(&["grow", file, "--budget", "1GMACs"]);
    assert!(error.contains("tiny.toml") && error.contains("block string `r1_k3`"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn mistakes_are_one_sentence() {
    for args in [
        &["table", "--family", "vgg"][..],
        &["table", "--phi", "NaN"],
        &["table", "--phi", "40"],
        &["table", "--alpha", "0"],
        &["table", "--multiple", "0"],
        &["fit", "efficientnet-b9"],
        &["fit", "efficientnet-b0", "--width", "NaN"],
        &["grow", "efficientnet-b0", "--budget", "100MMACs"],
        &["grow", "efficientnet-b0", "--budget", "1params", "--shrink"],
        &["grow", "efficientnet-b0", "--budget", "1GMACs", "--rule", "sideways"],
        &["grow", "efficientnet-b0", "--budget", "1GMACs", "--rule", "fast", "--alpha", "2"],
        &["grow", "efficientnet-b0", "--budget", "1GMACs", "--alpha", "1", "--beta", "1", "--gamma", "1"],
        &["grid", "--step", "0"],
        &["grid", "--step", "0.3"],
        &["fit", "not-there.toml"],
    ] {
        let error = failure(args);
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{args:?}: {error}");
    }
    assert!(failure(&["grow", "efficientnet-b0", "--budget", "0GMACs"]).contains("the budget is 0"));
    let under = failure(&["grow", "efficientnet-b0", "--budget", "100MMACs"]);
    assert!(under.contains("`--shrink` allows it"), "{under}");
    assert!(under.contains("the nearest within it is phi = -3.1"), "{under}");
}

/// A baseline whose pieces are measured in no time, and the folder it lies in.
fn tiny() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.toml");
    let text = "name = \"tiny\"\nresolution = 32\nclasses = 10\nblocks = [\"r1_k3_s11_e1_i16_o8\", \"r2_k3_s22_e4_i8_o16_se0.25\"]\n";
    std::fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap().to_string();
    (folder, file)
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} in {row}"))
}

#[test]
fn latencies_are_predicted_measured_and_kept() {
    let (folder, file) = tiny();
    let table = folder.path().join("latency.json");
    let table = table.to_str().unwrap();
    let asked = ["latency", &file, "--seconds", "0", "--table", table, "--json"];
    let first = json(&asked);
    let rows = first["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["model"], &rows[2]["model"]), (&Value::from("tiny"), &Value::from("tiny(d 2)")));
    for row in rows {
        assert!(number(row, "predicted_ms") > 0.0 && number(row, "measured_ms") > 0.0, "{row}");
    }
    assert_eq!((&first["device"], &first["engine"]), (&Value::from("flex"), &Value::from("compiled")));
    let alone = &first["errors"][0];
    assert_eq!(alone["by_steps"]["networks"].as_u64().unwrap() as usize, rows.len());
    assert_eq!(first["errors"][3]["of"], "  depth");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(table).unwrap()).unwrap();
    let networks = kept["networks"].as_object().unwrap();
    assert_eq!((&kept["version"], networks.len()), (&Value::from(2), rows.len()));
    assert!(networks.values().all(|network| number(&network["steps"][0], "ms") > 0.0));
    // Nothing is measured twice: the numbers are the same to the last digit.
    assert_eq!(json(&asked), first);

    // Within three times what is predicted of the baseline.
    let grow = ["grow", &file, "--rule", "depth", "--seconds", "0", "--table", table, "--budget"];
    let under = failure(&[&grow[..], &["0.000001ms"]].concat());
    let own = under.split_once("is less than tiny itself takes (").and_then(|(_, own)| own.split_once(" ms"));
    assert_eq!(under.lines().count(), 1, "{under}");
    let own: f64 = own.unwrap().0.parse().unwrap();
    let budget = format!("{}ms", 3.0 * own);
    let grown = json(&[&grow[..], &[&budget, "--json"]].concat());
    let row = &grown["rows"][0];
    assert!(number(row, "cost") <= 3.0 * own && number(row, "measured_ms") > 0.0, "{row}");
    let people = text(&[&grow[..], &[&budget]].concat());
    assert!(people.contains("predicted ms") && people.contains(" ms\n"), "{people}");
    let csv = text(&[&grow[..], &[&budget, "--csv"]].concat());
    assert!(csv.lines().next().unwrap().ends_with(",budget_used,measured_ms"), "{csv}");

    let other = failure(&["latency", &file, "--batch", "2", "--table", table]);
    assert!(other.contains("with batch 1, not 2") && other.lines().count() == 1, "{other}");
}

#[test]
fn several_networks_are_measured_as_they_are_by_burns_modules_too() {
    let (_folder, file) = tiny();
    let csv = text(&["latency", &file, &file, "--plain", "--batch", "2", "--seconds", "0", "--csv"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(
        csv.lines().nth(1).unwrap().ends_with(",,,"),
        "two networks leave none to predict them from: {csv}"
    );
    let people = text(&["latency", &file, "--plain", "--seconds", "0"]);
    assert!(
        people.contains("latency on flex (burn, batch 1") && people.contains("left out of the fit"),
        "{people}"
    );
}

#[test]
fn networks_of_a_plans_space_are_predicted_from_those_around_its_baseline() {
    let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plans/evolve-tiny.toml");
    let args = ["latency", "--space", plan, "--networks", "3", "--seconds", "0", "--json"];
    let report = json(&args);
    let rows = report["rows"].as_array().unwrap();
    let drawn = |row: &&Value| row["group"] == "drawn";
    assert_eq!(rows.iter().filter(drawn).count(), 3);
    let last = report["errors"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["of"], &last["by_steps"]["networks"]), (&Value::from("  drawn"), &Value::from(3)));
    let without = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plans/tiny.toml");
    let error = failure(&["latency", "--space", without]);
    assert!(error.contains("tiny has no space to draw networks from"), "{error}");
}

#[test]
fn what_cannot_be_measured_is_one_sentence() {
    let (folder, file) = tiny();
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{}").unwrap();
    for args in [
        &["latency", "vgg"][..],
        &["latency", &file, "--device", "abacus"],
        &["latency", &file, "--table", broken.to_str().unwrap()],
        &["grow", &file, "--budget", "0ms"],
        &["grow", &file, "--budget", "1GMACs", "--device", "flex"],
        &["grow", &file, "--budget", "9ms", "--rule", "sideways"],
    ] {
        let error = failure(args);
        assert!(error.starts_with("error: "), "{args:?}: {error}");
    }
    assert_eq!(std::fs::read_to_string(&broken).unwrap(), "{}");
}
