//! Which networks a plan is about.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::collections::BTreeSet;

use common::*;
use efficientnet_scaling::{CompoundRule, Scaler};
use efficientnet_search::{CostKind, Lineup, NetworkKey, Plan, Stretch, count_cost};

fn b0(task: &str) -> Plan {
    parse(&text(task).replace("tiny.toml", "efficientnet-b0")).unwrap()
}

fn refused(plan: &Plan) -> String {
    plan.lineup(&mut count_cost(plan.cost)).unwrap_err().to_string()
}

fn cost_of(lineup: &Lineup, network: NetworkKey) -> f64 {
    lineup.candidates.iter().find(|candidate| NetworkKey::of(&candidate.spec) == network).unwrap().cost
}

#[test]
fn the_papers_grid_has_54_points_and_46_networks() {
    let lineup = lineup(&b0("[coefficients.grid]\nstep = 0.05\ntolerance = 0.05\n"));
    assert_eq!((lineup.points.len(), lineup.candidates.len()), (54, 46));
    let keys: BTreeSet<NetworkKey> = lineup.points.iter().map(|point| point.network).collect();
    assert_eq!(keys.len(), 46);
    for point in &lineup.points {
        assert_eq!(point.phi, 1.0);
        // Point by point, without knowing of the others.
        let scaler = Scaler::named("efficientnet-b0", point.rule).unwrap();
        let ratio = scaler.point(1.0).unwrap().macs_ratio;
        assert!((ratio - point.cost_ratio).abs() < 1e-12);
        assert_eq!(cost_of(&lineup, point.network), scaler.point(1.0).unwrap().macs as f64);
    }
}

#[test]
fn at_one_cost_every_direction_stands_as_near_to_it_as_its_steps_allow() {
    let lineup =
        lineup(&b0("[coefficients]\nat_cost = 2.0\n[coefficients.grid]\nstep = 0.1\ntolerance = 0.1\n"));
    assert_eq!(lineup.points.len(), 21);
    assert!(lineup.candidates.len() <= 21);
    for point in &lineup.points {
        let scaler = Scaler::named("efficientnet-b0", point.rule).unwrap();
        let ratio = |phi| scaler.point(phi).unwrap().macs_ratio;
        assert!((ratio(point.phi) - point.cost_ratio).abs() < 1e-12);
        let away = |ratio: f64| (ratio / 2.0).ln().abs();
        let best =
            scaler.steps(0.0, 3.0).unwrap().map(|step| away(ratio(step.from))).fold(f64::INFINITY, f64::min);
        assert!((away(point.cost_ratio) - best).abs() < 1e-9, "{} at {}", point.rule, point.phi);
    }
    // Which the constraint alone does not hold at all.
    let spread = |lineup: &Lineup| {
        let ratios = || lineup.points.iter().map(|point| point.cost_ratio);
        ratios().fold(0.0, f64::max) / ratios().fold(f64::INFINITY, f64::min)
    };
    assert!(spread(&lineup) < 1.2, "{}", spread(&lineup));
}

#[test]
fn a_line_has_the_networks_that_come_nearest_to_the_wanted_costs() {
    for (rule, phi) in [("compound", 8.0), ("width", 8.0), ("depth", 5.0), ("resolution", 8.0), ("fast", 8.0)]
    {
        let task = format!("[[compare.arm]]\nname = \"x\"\nrule = \"{rule}\"\ncost = [1.5, 2.0, 4.0, 8.0]");
        let plan = plan(&task);
        let lineup = lineup(&plan);
        let scaler = Scaler::new(plan.base().clone(), CompoundRule::named(rule).unwrap()).unwrap();
        let costs: Vec<f64> =
            scaler.steps(0.0, phi).unwrap().map(|step| scaler.point(step.from).unwrap().macs_ratio).collect();
        let mut expected = vec![1.0];
        for wanted in [1.5f64, 2.0, 4.0, 8.0] {
            let away = |cost: &f64| (cost / wanted).ln().abs();
            expected.push(costs.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b))).unwrap());
        }
        expected.dedup();
        let found: Vec<f64> = lineup.arms[0].members.iter().map(|member| member.cost_ratio).collect();
        assert_eq!(found.len(), expected.len(), "{rule}: {found:?} {expected:?}");
        assert!(
            found.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-9),
            "{rule}: {found:?} {expected:?}"
        );
        for member in &lineup.arms[0].members {
            assert_eq!(
                cost_of(&lineup, member.network),
                scaler.point(member.phi.unwrap()).unwrap().macs as f64
            );
        }
    }
}

#[test]
fn a_network_on_two_lines_is_one_network() {
    let lineup = lineup(&plan(COMPARE));
    let starts: BTreeSet<NetworkKey> = lineup.arms.iter().map(|arm| arm.members[0].network).collect();
    assert_eq!(starts.len(), 1);
    let places: usize = lineup.arms.iter().map(|arm| arm.members.len()).sum();
    assert_eq!(lineup.candidates.len(), places - 1);
    let rising = |arm: &Stretch| arm.members.windows(2).all(|pair| pair[0].cost_ratio <= pair[1].cost_ratio);
    assert!(lineup.arms.iter().all(rising));
    assert_eq!(lineup.candidates[0].spec.name, "tiny d1.00 w1.00 r32");
}

#[test]
fn lines_start_where_they_say() {
    let task = "[[compare.arm]]\nname = \"deep\"\nrule = \"width\"\nfrom = { depth = 2.0, resolution = 1.5 }\nphi = [1.0]\n\
                [[compare.arm]]\nname = \"points\"\nrule = \"depth\"\nfactors = [{ depth = 4.0 }, { width = 2.0, resolution = 1.3 }]\n\
                [[compare.arm]]\nname = \"other\"\nrule = \"depth\"\nbaseline = \"mobilenetv2\"\nphi = [1.0]";
    let lineup = lineup(&plan(task));
    let [deep, points, other] = &lineup.arms[..] else { panic!() };
    let start = deep.members[0].factors;
    assert_eq!((start.depth, start.width, start.resolution), (2.0, 1.0, 1.5));
    assert_eq!(deep.members[0].cost_ratio, 1.0);
    let grown = deep.members[1].factors;
    assert!((grown.width - 2f64.sqrt()).abs() < 1e-12 && grown.depth == 2.0 && grown.resolution == 1.5);
    assert_eq!(points.members.len(), 3);
    assert!(points.members.iter().all(|member| member.phi.is_none()));
    // 1.3 times 32 pixels is 41.6.
    assert!(
        points
            .members
            .iter()
            .any(|member| member.factors.width == 2.0 && member.factors.resolution == 42.0 / 32.0)
    );
    assert_eq!(other.members[0].cost_ratio, 1.0);
    assert_eq!(lineup.candidates.last().unwrap().spec.baseline.name, "mobilenetv2");
}

#[test]
fn sides_are_multiples() {
    let plan = parse(&text(COMPARE).replacen("name = \"test\"", "name = \"test\"\nmultiple = 8", 1)).unwrap();
    assert!(lineup(&plan).candidates.iter().all(|candidate| candidate.spec.resolution() % 8 == 0));
}

#[test]
fn costs_are_what_the_plan_counts() {
    for (kind, name) in [(CostKind::Params, "params"), (CostKind::Activations, "activations")] {
        let plan = parse(&text(COMPARE).replacen(
            "name = \"test\"",
            &format!("name = \"test\"\ncost = \"{name}\""),
            1,
        ))
        .unwrap();
        assert_eq!(plan.cost, kind);
        for candidate in lineup(&plan).candidates {
            let totals = candidate.totals;
            let counted = if kind == CostKind::Params { totals.params } else { totals.activations };
            assert_eq!(candidate.cost, counted as f64);
        }
    }
    let plan = plan(COMPARE);
    let text = plan.lineup(&mut count_cost(CostKind::Latency)).unwrap_err().to_string();
    assert!(text.contains("a latency cannot be counted"), "{text}");
    let text = plan.lineup(&mut |_, _| Ok(0.0)).unwrap_err().to_string();
    assert!(text.ends_with("has a network whose cost is 0; a cost is a finite number above 0"), "{text}");
}

#[test]
fn plans_without_a_network_say_why() {
    let text = refused(&plan("[coefficients.grid]\nstep = 0.3\ntolerance = 0.01\n"));
    assert!(
        text.starts_with("test: `coefficients.grid` cannot be searched: no point of the grid has"),
        "{text}"
    );
    assert!(text.contains("within 0.01 of 2; the nearest is alpha = "), "{text}");

    let text = refused(&plan("[[compare.arm]]\nname = \"x\"\nrule = \"compound\"\nphi = [40.0]"));
    assert!(
        text.contains(
            "`compare.arm.phi` asks for a network that cannot be had: tiny at phi = 40 cannot be had: "
        ),
        "{text}"
    );

    let text = refused(&plan(
        "[[compare.arm]]\nname = \"x\"\nrule = { alpha = 1, beta = 1, gamma = 1 }\ncost = [2.0]",
    ));
    assert!(
        text.contains("alpha * beta^2 * gamma^2 is 1; a network grows only by a rule where it is above 1"),
        "{text}"
    );

    let text = refused(&plan("[[compare.arm]]\nname = \"x\"\nrule = \"depth\"\ncost = [1e6]"));
    assert!(text.contains("`compare.arm.cost` has 1000000, and the line's largest network costs "), "{text}");

    // A network that cannot be built is refused where it is named.
    let text = refused(&b0(
        "[[compare.arm]]\nname = \"x\"\nrule = \"depth\"\nfactors = [{ depth = 50, width = 51 }]",
    ));
    assert!(text.contains("`compare.arm.factors` asks for a network that cannot be had: "), "{text}");
}
