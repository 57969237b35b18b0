//! Pages are made of ordinary, empty, hostile and half-done searches and looked at as text.

use std::collections::BTreeMap;

use super::*;
use crate::analysis::tests::{compare_plan, key, member, point, row};
use crate::{
    ArmSummary, Coefficients, EvolutionSummary, FrontMember, GridPoint, Lineup, Objective, Outcome, Plan,
    Row, Scored, Strategies, Stretch, Task, Time, Tradeoff,
};

const HOSTILE: &str = "<script>alert('x')</script> & \"quoted\"";

/// A plan with a small baseline and this task.
pub(crate) fn plan(task: Task) -> Plan {
    let text = "name = \"figure-8\"\nabout = \"Is compound scaling better than scaling one dimension?\"\nbaseline = \
                \"efficientnet-b0\"\n[proxy]\nrecipe = \"proxy\"\ntransform = \"resize({size}, bilinear) | center_crop({size}) | normalize(imagenet)\"\neval_transform = \"resize({size}, bilinear) | center_crop({size}) | normalize(imagenet)\"\nepochs = \
                4\nseeds = [0, 1, 2]\n[[compare.arm]]\nname = \"compound\"\nrule = \"compound\"\nphi = [1.0]\n";
    let mut plan = Plan::parse(text, "plan.toml", Path::new(".")).unwrap();
    plan.task = task;
    plan
}

/// What a test's search has, with names and values that a page must show.
struct Made {
    plan: Plan,
    lineup: Lineup,
    rows: Vec<Row>,
    times: Vec<Time>,
    evolution: Option<EvolutionSummary>,
    environment: Vec<(String, String)>,
    planned: Option<u64>,
}

impl Made {
    fn files(&self) -> BTreeMap<String, String> {
        let material = Material {
            plan: &self.plan,
            lineup: &self.lineup,
            rows: &self.rows,
            times: &self.times,
            evolution: self.evolution.as_ref(),
        };
        let source =
            Source { material, plan_text: HOSTILE, environment: &self.environment, planned: self.planned };
        let files: BTreeMap<String, String> = files_of(&source).unwrap().into_iter().collect();
        for (name, text) in &files {
            match name.rsplit_once('.').unwrap().1 {
                "html" | "svg" => assert_well_formed(text),
                "json" => assert!(serde_json::from_str::<serde_json::Value>(text).is_ok()),
                _ => assert!(text.is_empty() || text.starts_with("network,name,")),
            }
            assert!(!text.contains("NaN"), "{name}");
        }
        files
    }
}

/// Elements are balanced, attributes quoted, and nothing is fetched from anywhere.
fn assert_well_formed(text: &str) {
    let (head, rest) = text.split_once("<style>").unwrap();
    let body = rest.split_once("</style>").unwrap().1;
    let mut open = Vec::new();
    for part in format!("{head}{body}").split('<').skip(1) {
        let (tag, rest) = part.split_once('>').unwrap_or_else(|| panic!("an open < before {part:?}"));
        assert!(!rest.contains('>'), "an open > in {rest:?}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {rest:?}");
        } else if !tag.ends_with('/') && !["!doctype", "meta"].contains(&name) {
            open.push(name.to_string());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let without_namespace = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for absent in ["http", "<script", "<link", "url(", "@import", "inf%", "\"inf"] {
        assert!(!without_namespace.contains(absent), "{absent}");
    }
}

/// Three lines over one start; compound gains 2 points a doubling more than depth, and as much as width.
fn compared(seeds: u64) -> Made {
    let arms = ["compound", "depth", "width"]
        .iter()
        .zip([[2, 3], [4, 5], [6, 7]])
        .map(|(name, [second, third])| Stretch {
            name: (*name).to_string(),
            members: vec![member(1, 1.0), member(second, 2.0), member(third, 4.0)],
        })
        .collect();
    let rows = (0..seeds)
        .flat_map(|s| {
            let of =
                |network, cost, correct: u64| row(network, 4, s, cost, correct + (network * 7 + s * 5) % 11);
            [
                of(1, 1e6, 500),
                of(2, 2e6, 560),
                of(3, 4e6, 620),
                of(4, 2e6, 540),
                of(5, 4e6, 580),
                of(6, 2.1e6, 560),
                of(7, 3.9e6, 620),
            ]
        })
        .collect();
    let mut compare = compare_plan(&["compound", "depth", "width"]);
    compare.paper = Some("figure-8".into());
    Made {
        plan: plan(Task::Compare(compare)),
        lineup: Lineup { arms, ..Lineup::default() },
        rows,
        times: Vec::new(),
        evolution: None,
        environment: vec![("data".into(), "the built-in pictures".into())],
        planned: None,
    }
}

#[test]
fn a_comparison() {
    let mut made = compared(3);
    made.times = made
        .rows
        .iter()
        .map(|row| Time { trial: row.trial, seconds: 100.0, training_seconds: 99.0 })
        .collect();
    let files = made.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected =
        ["accuracy-cost.svg", "analysis.json", "differences.svg", "lines.svg", "paper.svg", "report.html"];
    assert_eq!(names[..6], expected);
    assert_eq!(names[6..], ["seeds.svg", "trials.csv"]);
    let page = files["report.html"].replace('\u{a0}', " ");
    for present in [
        "<h1>figure-8</h1>",
        "compound is better than depth over all costs together: +",
        "compound against width over all costs together",
        "the interval, ",
        "The paper, ImageNet",
        "81.1",
        "7 networks were trained on ",
        "21 trials took 34 min 39 s",
        "1.00 % on top of that",
        "still gains",
        "none failed",
        "role=\"img\" aria-label=\"Top-1 along each line",
        "&lt;script&gt;alert(&#39;x&#39;)",
    ] {
        assert!(page.contains(present), "{present} in\n{page}");
    }
    assert_eq!(files["trials.csv"].lines().count(), 22);
    assert!(files["lines.svg"].contains("aria-label") && files["lines.svg"].contains("compound"));
}

#[test]
fn a_single_seed_claims_nothing() {
    let files = compared(1).files();
    let page = &files["report.html"];
    assert!(
        page.contains("with one seed there is no interval") && page.contains("nothing can be said of chance")
    );
    assert!(!page.contains("is better than") && !page.contains("is worse than"), "{page}");
    assert!(!files.contains_key("seeds.svg"));
}

#[test]
fn a_line_alone_says_whether_it_still_gains() {
    let mut made = compared(3);
    made.lineup.arms.truncate(1);
    let page = &made.files()["report.html"];
    assert!(page.contains("compound: from 2.00 to 4.00 times the cost each doubling brings +"), "{page}");
    assert!(page.contains("which can be told from none"));
}

#[test]
fn a_search_that_has_not_begun_or_not_ended_says_so() {
    let mut made = compared(3);
    made.planned = Some(21);
    made.rows.truncate(8);
    let page = made.files()["report.html"].replace('\u{a0}', " ");
    assert!(page.contains("8 of 21 trials have ended"), "{page}");
    made.rows.clear();
    let files = made.files();
    let page = &files["report.html"];
    assert!(page.contains("no trial has ended") && !page.contains("What was found"));
    // The paper's figure needs no trial.
    assert_eq!(files.keys().filter(|name| name.ends_with(".svg")).count(), 1);
    let mut failed = compared(1);
    let outcome = Outcome::Failed { reason: HOSTILE.into() };
    failed.rows.iter_mut().for_each(|row| row.outcome = outcome.clone());
    let page = &failed.files()["report.html"];
    assert!(page.contains("7\u{a0}trials came to nothing") && page.contains("&lt;script&gt;alert"));
}

fn searched(rows: Vec<Row>, points: Vec<GridPoint>) -> Made {
    let task = Coefficients { grid: Default::default(), at_cost: None, strategy: Strategies::Full };
    Made {
        plan: plan(Task::Coefficients(task)),
        lineup: Lineup { points, ..Lineup::default() },
        rows,
        times: Vec::new(),
        evolution: None,
        environment: Vec::new(),
        planned: None,
    }
}

#[test]
fn a_search_for_coefficients() {
    let rules = [
        (2.0, 1.0, 1.0),
        (1.0, 1.4, 1.0),
        (1.0, 1.0, 1.4),
        (1.2, 1.1, 1.15),
        (1.4, 1.2, 1.0),
        (1.4, 1.0, 1.2),
        (1.0, 1.2, 1.2),
        (1.1, 1.1, 1.25),
        (1.3, 1.05, 1.2),
    ];
    let points = (1..).zip(rules).map(|(network, rule)| point(network, rule, 2.0)).collect();
    let rows = (0..3)
        .flat_map(|seed| {
            (1..=9).map(move |n| row(n, 4, seed, 2e6 + 1e4 * n as f64, 500 + (n * 13 + seed * 3) % 29))
        })
        .collect();
    let files = searched(rows, points).files();
    let page = files["report.html"].replace('\u{a0}', " ");
    for present in [
        "Best coefficients: alpha ",
        "The paper&#39;s 1.2, 1.1, 1.15 has rank ",
        "analysis of variance",
        "A quadratic surface over the shares",
        "(the paper&#39;s)",
        "corrected to one cost",
        "all into depth",
    ] {
        let present = if present.starts_with('(') { "(the paper's)" } else { present };
        assert!(page.contains(present), "{present} in\n{page}");
    }
    assert!(files["landscape.svg"].contains("the paper: 1.2, 1.1, 1.15"));
}

fn scored(name: &str, reward: f64) -> Scored {
    Scored {
        name: name.into(),
        network: key(1),
        blocks: vec!["r1_k3_s11_e1_i8_o8_se0.25".into(), "r2_k5_s22_e6_i8_o16_se0.25".into()],
        cost: 1e6,
        cost_ratio: 1.1,
        top1: Some(0.6),
        reward,
        seeds: vec![Some(0.6)],
        reward_range: [reward, reward],
    }
}

fn evolution() -> EvolutionSummary {
    let arm = |name, reward: f64| ArmSummary {
        name,
        networks: 3,
        failed: 0,
        best: scored("best", reward),
        best_at: 3,
        best_so_far: vec![0.5, 0.55, reward],
        front: vec![FrontMember {
            name: HOSTILE.into(),
            network: key(1),
            place: Tradeoff { cost: 1e6, top1: 0.6 },
        }],
        hypervolume: 0.7,
    };
    EvolutionSummary {
        objective: Objective { target_cost: 1e6, exponent: -0.07 },
        space: 1e6,
        networks: 3,
        baseline: scored("baseline", 0.5),
        winner: scored("winner", 0.61),
        winner_of: "evolution",
        reference: Tradeoff { cost: 2e6, top1: 0.0 },
        reference_ratio: 2.0,
        arms: vec![arm("evolution", 0.61), arm("random", 0.6)],
        comparison: Some(crate::Comparison {
            top: 2,
            difference: 0.01,
            interval: Some([-0.01, 0.03]),
            above_zero: Some(0.8),
            draws: 1000,
            later: None,
        }),
    }
}

#[test]
fn an_evolution() {
    let made = Made { evolution: Some(evolution()), ..compared(2) };
    let files = made.files();
    let page = files["report.html"].replace('\u{a0}', " ");
    for present in [
        "Whether evolution is better than random search cannot be told",
        "The winner's rows",
        "r2_k5_s22_e6_i8_o16_se0.25",
        "Best reward so far",
        "up to 2.00 times the baseline's cost",
    ] {
        assert!(page.contains(present), "{present} in\n{page}");
    }
    assert!(files.contains_key("best-so-far.svg") && files["fronts.svg"].contains("&lt;script&gt;"));
}

#[test]
fn files_appear_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let made = compared(2);
    let material =
        Material { plan: &made.plan, lineup: &made.lineup, rows: &made.rows, times: &[], evolution: None };
    let source = Source { material, plan_text: "", environment: &[], planned: None };
    let written = write_files(dir.path(), &source).unwrap();
    assert_eq!(written.page, dir.path().join("report.html"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), written.files.len() + 1);
    assert!(write_files(&dir.path().join("nowhere"), &source).is_err());
}
