//! The paper's grid: how many points, how many different networks, and what they cost.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{HashMap, HashSet};

use efficientnet_arch::{ArchSpec, Coefficients, Realised};
use efficientnet_scaling::{CompoundRule, Grid, PixelRounding, Scaler, ScalingError, Survey};
use proptest::prelude::*;

fn b0() -> ArchSpec {
    ArchSpec::named("efficientnet-b0").unwrap()
}

fn survey(step: f64, tolerance: f64) -> Survey {
    Grid { step, tolerance, ..Grid::default() }.survey(&b0(), PixelRounding::Nearest).unwrap()
}

#[test]
fn the_papers_grid_has_fewer_networks_than_points() {
    for (step, tolerance, points, networks) in
        [(0.05, 0.05, 54, 46), (0.05, 0.1, 109, 65), (0.1, 0.1, 21, 18)]
    {
        let survey = survey(step, tolerance);
        assert_eq!((survey.points, survey.networks.len()), (points, networks), "{step}, {tolerance}");
        let members: usize = survey.networks.iter().map(|network| network.points).sum();
        assert_eq!(members, points);
    }
}

#[test]
fn every_point_knows_its_network() {
    let grid = Grid { step: 0.05, tolerance: 0.1, ..Grid::default() };
    let (found, points) = grid.survey_points(&b0(), PixelRounding::Nearest).unwrap();
    assert_eq!(found, survey(0.05, 0.1));
    assert_eq!(
        points.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(),
        grid.points().unwrap().collect::<Vec<_>>()
    );
    for (rule, network) in points {
        let own = Scaler::new(b0(), rule).unwrap().realised(1.0).unwrap();
        let coefficients = found.networks[network].coefficients;
        assert_eq!(own, b0().baseline.realised(coefficients).unwrap());
    }
}

/// The constraint holds within 0.05 of 2, and what the networks really cost runs from 1.9 to 3.3 times B0.
#[test]
fn the_constraint_is_not_the_cost() {
    let (low, mean, high) = survey(0.05, 0.05).macs_ratios();
    assert_eq!(format!("{low:.2} {mean:.2} {high:.2}"), "1.93 2.55 3.33");
    let narrowed = survey(0.05, 0.05).within(2.4, 2.7);
    assert!(!narrowed.networks.is_empty() && narrowed.points < 54);
    assert!(narrowed.networks.iter().all(|network| (2.4..=2.7).contains(&network.macs_ratio)));
}

#[test]
fn the_papers_choice_is_on_its_grid() {
    let points: Vec<CompoundRule> = Grid { tolerance: 0.1, ..Grid::default() }.points().unwrap().collect();
    assert!(points.contains(&CompoundRule::PAPER));
    assert!(points.iter().all(|rule| (rule.constraint() - 2.0).abs() <= 0.1 + 1e-9));
    assert!(points.iter().all(|rule| rule.alpha() >= 1.0 && rule.beta() >= 1.0 && rule.gamma() >= 1.0));
}

#[test]
fn a_grid_without_a_point_says_what_would_have_one() {
    let grid = Grid { step: 0.3, tolerance: 0.01, ..Grid::default() };
    let error = grid.survey(&b0(), PixelRounding::Nearest).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("within 0.01 of 2; the nearest is alpha = "), "{text}");
    let ScalingError::EmptyGrid { nearest: [alpha, beta, gamma], product, .. } = error else { panic!() };
    assert!((alpha * beta * beta * gamma * gamma - product).abs() < 1e-12);
    // The tolerance that the sentence offers does have a point.
    let offered = text.split("tolerance of ").nth(1).unwrap().split(' ').next().unwrap();
    let wider = Grid { tolerance: offered.parse().unwrap(), ..grid };
    assert!(wider.survey(&b0(), PixelRounding::Nearest).unwrap().points >= 1);
}

#[test]
fn grids_that_are_none_are_refused() {
    let good = Grid::default();
    let bad = [
        Grid { step: 0.0, ..good },
        Grid { step: f64::NAN, ..good },
        Grid { step: 1e-5, ..good },
        Grid { tolerance: -0.1, ..good },
        Grid { tolerance: f64::NAN, ..good },
        Grid { target: 0.5, ..good },
        Grid { alpha_max: 0.9, ..good },
        Grid { gamma_max: f64::INFINITY, ..good },
    ];
    for grid in bad {
        assert!(grid.points().is_err(), "{grid:?}");
    }
    let text = Grid { step: 1e-5, ..good }.points().err().unwrap().to_string();
    assert!(text.contains("more than 1000000000; take a larger step"), "{text}");
}

#[test]
fn a_point_that_cannot_be_built_is_named() {
    let grid =
        Grid { step: 0.5, tolerance: 1e6, alpha_max: 100.0, beta_max: 1.0, gamma_max: 1.0, target: 2.0 };
    let text = grid.survey(&b0(), PixelRounding::Nearest).unwrap_err().to_string();
    assert!(text.contains("depth is 50.5"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..Default::default() })]

    /// Point by point, without classes and without stretches.
    #[test]
    fn the_survey_is_what_looking_at_every_point_gives(
        model in 0usize..4, step in 0.02f64..0.2, tolerance in 0.0f64..0.3, target in 1.5f64..4.0, eight: bool,
    ) {
        let base = ArchSpec::named(["efficientnet-b0", "mobilenetv2", "resnet18", "efficientnet-lite0"][model]).unwrap();
        let pixels = if eight { PixelRounding::Multiple(8) } else { PixelRounding::Nearest };
        let grid = Grid { step, tolerance, target, ..Grid::default() };
        let mut members: HashMap<Realised, usize> = HashMap::new();
        let axis = |bound: f64| (0..).map(move |i| 1.0 + f64::from(i) * step).take_while(move |x| *x <= bound + 1e-9);
        for alpha in axis(grid.alpha_max) {
            for beta in axis(grid.beta_max) {
                for gamma in axis(grid.gamma_max) {
                    if (alpha * beta * beta * gamma * gamma - target).abs() <= tolerance {
                        let rule = CompoundRule::new(alpha, beta, gamma).unwrap();
                        let scaler = Scaler::new(base.clone(), rule).unwrap().with_pixels(pixels).unwrap();
                        *members.entry(scaler.realised(1.0).unwrap()).or_default() += 1;
                    }
                }
            }
        }
        match grid.survey(&base, pixels) {
            Ok(survey) => {
                prop_assert_eq!(survey.points, members.values().sum::<usize>());
                prop_assert_eq!(survey.networks.len(), members.len());
                let realised = |c: Coefficients| base.baseline.realised(c).unwrap();
                let distinct: HashSet<Realised> =
                    survey.networks.iter().map(|network| realised(network.coefficients)).collect();
                prop_assert_eq!(distinct.len(), members.len());
                for network in &survey.networks {
                    prop_assert_eq!(network.points, members[&realised(network.coefficients)]);
                }
            }
            Err(ScalingError::EmptyGrid { .. }) => prop_assert!(members.is_empty()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
}
