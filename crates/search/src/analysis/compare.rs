//! Lines of networks beside each other, at equal realised cost.
//!
//! Two lines have no networks of exactly one cost, because depth, width and resolution are rounded. So each network of the
//! reference line is set against the place of the other line that costs the same: between two of its networks in
//! proportion to the logarithm of the cost, seed by seed, which leaves one difference for each seed. Their spread is
//! pooled over all comparisons of the plan. Where one network is set against m lines, its own noise is in all m
//! differences, so these do not tell as much as m independent ones: by Satterthwaite's rule they count as 4 m / (m + 3).

use serde::Serialize;

use super::numbers::{Interval, mean, squares};
use super::trained::Trained;
use crate::{Arm, Compare, Factors, Lineup, Member, NetworkKey, RuleName, Stretch};

/// Costs that differ by less, as a share, are equal.
const EQUAL: f64 = 0.005;
/// How far beyond the end of a line, as a natural logarithm of the cost, it may be continued.
const BEYOND: f64 = 0.1;

/// Lines beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The lines.
    pub lines: Vec<Line>,
    /// Each network of a reference line against the other lines of its baseline.
    pub differences: Vec<Difference>,
    /// The same, over all costs of a line, its start apart.
    pub overall: Vec<Difference>,
    /// Standard deviation of the difference of one seed, pooled.
    pub deviation: Option<f64>,
    /// Its degrees of freedom.
    pub degrees: f64,
    /// Places that the other line does not reach.
    pub out_of_reach: Vec<(String, String, f64)>,
}

/// A line with what was measured on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// As the plan calls it.
    pub name: String,
    /// The measured ones, cheapest first.
    pub stops: Vec<Stop>,
    /// Networks of the plan that were not measured.
    pub missing: usize,
    /// What each doubling of the cost brought.
    pub gains: Vec<Gain>,
}

/// A measured network of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stop {
    /// Which network.
    pub network: NetworkKey,
    /// How far along the rule.
    pub phi: Option<f64>,
    /// Depth, width and resolution over the baseline's.
    pub factors: Factors,
    /// Over the cost of the line's start.
    pub cost_ratio: f64,
    /// The plan's own cost.
    pub cost: f64,
    /// Mean top-1, 0 to 1.
    pub top1: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
}

/// From a network to the next one of its line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// Cost ratio of the first.
    pub from: f64,
    /// Cost ratio of the second.
    pub to: f64,
    /// Share of the images for each doubling of the cost.
    pub per_doubling: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
}

/// A network of the reference line against another line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The reference line.
    pub reference: String,
    /// The other line.
    pub other: String,
    /// Cost ratio of the reference's network; none over all costs.
    pub cost_ratio: Option<f64>,
    /// Cost of the other line's nearest network over that of the reference's, less one: what was corrected.
    pub mismatch: f64,
    /// Seeds that both have.
    pub seeds: usize,
    /// Mean over the seeds of the reference's top-1 less the other's, 0 to 1.
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// What follows.
    pub verdict: Verdict,
}

/// What a difference says of the reference line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is above zero.
    Better,
    /// The whole interval is below zero.
    Worse,
    /// The interval includes zero, or there is none.
    CannotBeTold,
}

impl Verdict {
    fn of(interval: Option<Interval>) -> Self {
        match interval {
            Some(interval) if interval.low > 0.0 => Self::Better,
            Some(interval) if interval.high < 0.0 => Self::Worse,
            _ => Self::CannotBeTold,
        }
    }
}

impl Difference {
    /// `compound is better than depth at 2.0 times the cost: +1.2 points, 0.4 to 2.0`.
    pub fn sentence(&self) -> String {
        let place = match self.cost_ratio {
            Some(ratio) => format!("at {ratio:.2} times the cost"),
            None => "over all costs together".to_string(),
        };
        let points = format!("{:+.2} points", self.mean * 100.0);
        let (reference, other) = (&self.reference, &self.other);
        match (self.verdict, self.interval) {
            (Verdict::CannotBeTold, None) => {
                format!(
                    "{reference} against {other} {place}: {points}; cannot be told: with one seed there is no interval"
                )
            }
            (verdict, Some(Interval { low, high })) => {
                let interval = format!("{:+.2} to {:+.2}", low * 100.0, high * 100.0);
                match verdict {
                    Verdict::Better => {
                        format!("{reference} is better than {other} {place}: {points}, {interval}")
                    }
                    Verdict::Worse => {
                        format!("{reference} is worse than {other} {place}: {points}, {interval}")
                    }
                    Verdict::CannotBeTold => format!(
                        "{reference} against {other} {place}: {points}; cannot be told: the interval, {interval}, includes 0"
                    ),
                }
            }
            (_, None) => format!("{reference} against {other} {place}: {points}"),
        }
    }
}

/// A difference before the spread of all is known.
struct Paired<'a> {
    reference: &'a Stretch,
    other: &'a Stretch,
    network: NetworkKey,
    ratio: f64,
    mismatch: f64,
    seeds: Vec<f64>,
}

pub(super) fn compare(plan: &Compare, lineup: &Lineup, trained: &[Trained]) -> Comparison {
    let longest = |key: NetworkKey| trained.iter().find(|network| network.longest && network.network == key);
    let lines = lineup.arms.iter().map(|arm| line(arm, &longest)).collect();
    let (mut pairs, mut out_of_reach) = (Vec::new(), Vec::new());
    for (reference, other) in contests(plan, lineup) {
        for member in reference.members.iter().filter(|member| !is_start(member)) {
            let Some(network) = longest(member.network) else { continue };
            match paired(reference, other, member, network, &longest) {
                Some(pair) => pairs.push(pair),
                None => out_of_reach.push((reference.name.clone(), other.name.clone(), member.cost_ratio)),
            }
        }
    }
    let (deviation, degrees) = spread(&pairs);
    let differences = pairs.iter().map(|pair| judged(pair, deviation, degrees)).collect();
    let overall = overall(&pairs, deviation, degrees);
    Comparison { lines, differences, overall, deviation, degrees, out_of_reach }
}

/// The start is the same network on all lines.
fn is_start(member: &Member) -> bool {
    (member.cost_ratio - 1.0).abs() < EQUAL && member.factors == Factors::default()
}

fn line<'a>(arm: &Stretch, longest: &dyn Fn(NetworkKey) -> Option<&'a Trained>) -> Line {
    let found: Vec<(&Member, &Trained)> =
        arm.members.iter().filter_map(|member| Some((member, longest(member.network)?))).collect();
    let stops = found.iter().map(|(member, network)| Stop {
        network: member.network,
        phi: member.phi,
        factors: member.factors,
        cost_ratio: member.cost_ratio,
        cost: network.cost,
        top1: network.top1,
        interval: network.interval,
    });
    let gains = found.windows(2).filter_map(|pair| gain(pair[0], pair[1]));
    Line {
        name: arm.name.clone(),
        stops: stops.collect(),
        missing: arm.members.len() - found.len(),
        gains: gains.collect(),
    }
}

/// None where the costs are as good as equal.
fn gain((first, a): (&Member, &Trained), (second, b): (&Member, &Trained)) -> Option<Gain> {
    let doublings = (b.cost / a.cost).log2();
    if doublings.is_nan() || doublings < 0.02 {
        return None;
    }
    let per_doubling = (b.top1 - a.top1) / doublings;
    // Both errors are of one pooled spread: its degrees of freedom show in the width of either interval.
    let half = |network: &Trained| network.interval.map(|interval| (interval.high - interval.low) / 2.0);
    let interval = half(a).zip(half(b)).map(|(a, b)| {
        let half = a.hypot(b) / doublings;
        Interval { low: per_doubling - half, high: per_doubling + half }
    });
    Some(Gain { from: first.cost_ratio, to: second.cost_ratio, per_doubling, interval })
}

/// Pairs of a reference line and another one of the same baseline: the first line that scales all dimensions, or else the
/// first one, against each of the others.
fn contests<'a>(plan: &Compare, lineup: &'a Lineup) -> Vec<(&'a Stretch, &'a Stretch)> {
    let arm = |stretch: &Stretch| plan.arm.iter().find(|arm| arm.name == stretch.name);
    let mut baselines: Vec<Option<&str>> = Vec::new();
    let baseline = |stretch: &Stretch| arm(stretch).and_then(|arm| arm.baseline.as_deref());
    for stretch in &lineup.arms {
        if !baselines.contains(&baseline(stretch)) {
            baselines.push(baseline(stretch));
        }
    }
    let mut contests = Vec::new();
    for name in baselines {
        let group: Vec<&Stretch> = lineup.arms.iter().filter(|stretch| baseline(stretch) == name).collect();
        let compound = group.iter().position(|stretch| arm(stretch).is_some_and(scales_all));
        let Some(reference) = group.get(compound.unwrap_or(0)).copied() else { continue };
        let others = group.iter().filter(|other| other.name != reference.name);
        contests.extend(others.map(|other| (reference, *other)));
    }
    contests
}

fn scales_all(arm: &Arm) -> bool {
    match &arm.rule {
        RuleName::Named(name) => name == "compound",
        RuleName::Bases(_) => true,
    }
}

/// None where no seed has both.
fn paired<'a>(
    reference: &'a Stretch,
    other: &'a Stretch,
    member: &Member,
    network: &Trained,
    longest: &dyn Fn(NetworkKey) -> Option<&'a Trained>,
) -> Option<Paired<'a>> {
    let rivals: Vec<&Trained> = other.members.iter().filter_map(|member| longest(member.network)).collect();
    let rivals: Vec<&Trained> =
        rivals.into_iter().filter(|rival| rival.cost > 0.0 && rival.epochs == network.epochs).collect();
    let place = network.cost.ln();
    let seeds: Vec<f64> = network
        .seeds
        .iter()
        .filter_map(|result| {
            let line: Vec<(f64, f64)> =
                rivals.iter().filter_map(|r| Some((r.cost.ln(), r.from_seed(result.seed)?))).collect();
            Some(result.top1 - along(&line, place)?)
        })
        .collect();
    let nearest = rivals.iter().map(|rival| rival.cost / network.cost - 1.0);
    let mismatch = nearest.min_by(|a, b| a.abs().total_cmp(&b.abs()))?;
    let (network, ratio) = (network.network, member.cost_ratio);
    (!seeds.is_empty()).then_some(Paired { reference, other, network, ratio, mismatch, seeds })
}

/// The value of a line at a place: that of a point which is there, else between its neighbours in proportion, else a
/// little beyond its end along the last two points.
fn along(points: &[(f64, f64)], place: f64) -> Option<f64> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(point) = points.iter().find(|point| (point.0 - place).abs() < EQUAL) {
        return Some(point.1);
    }
    let after = points.iter().position(|point| point.0 > place);
    let (first, last) = (points.first()?, points.last()?);
    let near_enough = place > first.0 - BEYOND && place < last.0 + BEYOND;
    let end = after.unwrap_or(points.len()).clamp(1, points.len().saturating_sub(1).max(1));
    let (a, b) = (points.get(end - 1)?, points.get(end)?);
    near_enough.then(|| a.1 + (b.1 - a.1) * (place - a.0) / (b.0 - a.0)).filter(|value| value.is_finite())
}

/// Standard deviation of a single difference with its degrees of freedom.
fn spread(pairs: &[Paired<'_>]) -> (Option<f64>, f64) {
    let (mut sum, mut count, mut degrees) = (0.0, 0.0, 0.0);
    for pair in pairs {
        let of_network = pairs.iter().filter(|other| other.network == pair.network).count() as f64;
        let own = pair.seeds.len() as f64 - 1.0;
        sum += squares(&pair.seeds);
        count += own;
        degrees += own * 4.0 / (of_network + 3.0);
    }
    ((count > 0.0).then(|| (sum / count).sqrt()), degrees)
}

fn judged(pair: &Paired<'_>, deviation: Option<f64>, degrees: f64) -> Difference {
    let centre = mean(&pair.seeds).unwrap_or(f64::NAN);
    let error = deviation.map(|deviation| deviation / (pair.seeds.len() as f64).sqrt());
    let interval = error.and_then(|error| Interval::around(centre, error, degrees));
    Difference {
        reference: pair.reference.name.clone(),
        other: pair.other.name.clone(),
        cost_ratio: Some(pair.ratio),
        mismatch: pair.mismatch,
        seeds: pair.seeds.len(),
        mean: centre,
        interval,
        verdict: Verdict::of(interval),
    }
}

/// The mean of each contest's differences: its networks are different ones, so their errors add up as independent ones do.
fn overall(pairs: &[Paired<'_>], deviation: Option<f64>, degrees: f64) -> Vec<Difference> {
    let mut overall: Vec<Difference> = Vec::new();
    for pair in pairs {
        let same = |other: &Paired<'_>| {
            (&other.reference.name, &other.other.name) == (&pair.reference.name, &pair.other.name)
        };
        if overall.iter().any(|d| (&d.reference, &d.other) == (&pair.reference.name, &pair.other.name)) {
            continue;
        }
        let contest: Vec<&Paired<'_>> = pairs.iter().filter(|other| same(other)).collect();
        let means: Vec<f64> = contest.iter().filter_map(|pair| mean(&pair.seeds)).collect();
        let centre = mean(&means).unwrap_or(f64::NAN);
        let shares: f64 = contest.iter().map(|pair| 1.0 / pair.seeds.len() as f64).sum();
        let error = deviation.map(|deviation| deviation * shares.sqrt() / contest.len() as f64);
        let interval = error.and_then(|error| Interval::around(centre, error, degrees));
        overall.push(Difference {
            reference: pair.reference.name.clone(),
            other: pair.other.name.clone(),
            cost_ratio: None,
            mismatch: contest
                .iter()
                .map(|pair| pair.mismatch)
                .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a }),
            seeds: contest.iter().map(|pair| pair.seeds.len()).min().unwrap_or(0),
            mean: centre,
            interval,
            verdict: Verdict::of(interval),
        });
    }
    overall
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::{compare_plan, key, member, row};
    use crate::analysis::trained::trained;

    #[test]
    fn a_line_is_read_between_and_a_little_beyond_its_points() {
        let points = [(2.0, 0.6), (1.0, 0.5)];
        assert_eq!(along(&points, 1.0), Some(0.5));
        assert!((along(&points, 1.25).unwrap() - 0.525).abs() < 1e-12);
        assert!((along(&points, 2.05).unwrap() - 0.605).abs() < 1e-12);
        assert!((along(&points, 0.95).unwrap() - 0.495).abs() < 1e-12);
        assert_eq!(along(&points, 2.2), None);
        assert_eq!(along(&points[..1], 2.05), None);
        assert_eq!(along(&[], 1.0), None);
    }

    /// Compound at twice the cost against depth whose networks cost 1 and 4: half-way between in the logarithm.
    fn lineup() -> (Compare, Lineup) {
        let arms = vec![
            Stretch { name: "depth".into(), members: vec![member(1, 1.0), member(3, 4.0)] },
            Stretch { name: "compound".into(), members: vec![member(1, 1.0), member(2, 2.0)] },
        ];
        (compare_plan(&["depth", "compound"]), Lineup { arms, ..Lineup::default() })
    }

    fn rows(seeds: u64) -> Vec<crate::Row> {
        (0..seeds)
            .flat_map(|s| {
                [
                    row(1, 4, s, 1e6, 500 + 10 * s),
                    row(2, 4, s, 2e6, 580 + 4 * s),
                    row(3, 4, s, 4e6, 600 + 2 * s),
                ]
            })
            .collect()
    }

    /// Seed by seed: compound 0.580, 0.584, 0.588 less depth 0.550, 0.556, 0.562 is 0.030, 0.028, 0.026.
    #[test]
    fn differences_are_paired_at_equal_cost() {
        let (plan, lineup) = lineup();
        let comparison = compare(&plan, &lineup, &trained(&rows(3)).0);
        let [difference] = &comparison.differences[..] else { panic!("{comparison:?}") };
        assert_eq!((difference.reference.as_str(), difference.other.as_str()), ("compound", "depth"));
        assert!((difference.mean - 0.028).abs() < 1e-12 && difference.seeds == 3);
        assert!((comparison.deviation.unwrap() - 0.002).abs() < 1e-12 && comparison.degrees == 2.0);
        let half = 4.302_653 * 0.002 / 3f64.sqrt();
        assert!((difference.interval.unwrap().low - 0.028 + half).abs() < 1e-8);
        assert_eq!(difference.verdict, Verdict::Better);
        // The nearest depth networks cost half as much and twice as much; half is nearer as a difference.
        assert!((difference.mismatch + 0.5).abs() < 1e-12);
        assert_eq!(
            difference.sentence(),
            "compound is better than depth at 2.00 times the cost: +2.80 points, +2.30 to +3.30"
        );
        assert_eq!(comparison.overall.len(), 1);
        assert!((comparison.overall[0].mean - 0.028).abs() < 1e-12);
        // From 0.51 at 1 to 0.602 at 4: two doublings.
        let depth = &comparison.lines[0];
        assert!((depth.gains[0].per_doubling - 0.046).abs() < 1e-12 && depth.missing == 0);
    }

    #[test]
    fn one_seed_tells_nothing() {
        let (plan, lineup) = lineup();
        let comparison = compare(&plan, &lineup, &trained(&rows(1)).0);
        let difference = &comparison.differences[0];
        assert_eq!((difference.verdict, difference.interval), (Verdict::CannotBeTold, None));
        assert!(difference.sentence().contains("with one seed there is no interval"));
    }

    #[test]
    fn what_is_not_there_is_not_compared() {
        let (plan, lineup) = lineup();
        let partly: Vec<crate::Row> = rows(3).into_iter().filter(|row| row.trial.network != key(3)).collect();
        let comparison = compare(&plan, &lineup, &trained(&partly).0);
        assert!(comparison.differences.is_empty() && comparison.lines[0].missing == 1);
        assert_eq!(comparison.out_of_reach, [("compound".to_string(), "depth".to_string(), 2.0)]);
        let nothing = compare(&plan, &lineup, &[]);
        assert!(nothing.differences.is_empty() && nothing.lines.len() == 2);
    }

    /// One network against three lines: its noise is in all three differences.
    #[test]
    fn shared_noise_is_not_counted_thrice() {
        let (first, second) =
            (Stretch { name: "a".into(), members: vec![] }, Stretch { name: "b".into(), members: vec![] });
        let pair = || Paired {
            reference: &first,
            other: &second,
            network: key(1),
            ratio: 2.0,
            mismatch: 0.0,
            seeds: vec![0.0, 0.1, 0.2],
        };
        let (deviation, degrees) = spread(&[pair(), pair(), pair()]);
        assert!((deviation.unwrap() - 0.1).abs() < 1e-12 && (degrees - 4.0).abs() < 1e-12);
    }
}
