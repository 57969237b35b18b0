//! Which alpha, beta and gamma, at equal realised cost, and how sure one may be.
//!
//! Networks of a grid cost about the same, not the same. The top-1 of each is corrected to one cost by the slope of a line
//! fitted to top-1 over the logarithm of the cost; both figures are kept. Of several rungs only networks of one rung are
//! ranked against each other, and those of a higher rung stand before those of a lower one, because they were kept.
//!
//! How sure the ranking is comes from drawing it again: to each network's mean the mean of as many residuals is added as it
//! has seeds, drawn from those of all networks of the rung. The share of the draws in which a network comes first is its
//! probability of being the best; 95 % of the winners' coefficients are the coefficients' interval. A network that is
//! several points of the grid stands for one of them at a time.

use std::collections::{BTreeMap, HashMap};

use efficientnet_data::{Purpose, Random};
use efficientnet_scaling::CompoundRule;
use serde::Serialize;

use super::numbers::{Interval, least_squares, mean, quantile};
use super::surface::{self, Surface, shares};
use super::trained::{Noise, Trained};
use crate::{Coefficients, GridPoint, Lineup, NetworkKey};

const DRAWS: u64 = 2000;

/// The grid with what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Landscape {
    /// The measured networks, best first.
    pub places: Vec<Place>,
    /// Networks of the grid that were not measured.
    pub untrained: usize,
    /// Number of epochs and of networks of each rung, the highest rung first.
    pub rungs: Vec<(u64, usize)>,
    /// The cost that top-1 is corrected to.
    pub target_cost: f64,
    /// The same over the baseline's cost.
    pub target_ratio: f64,
    /// How top-1 grows with cost in the highest rung that tells it.
    pub slope: Option<Slope>,
    /// The best network with the intervals of its coefficients.
    pub winner: Option<Winner>,
    /// The place of the paper's alpha = 1.2, beta = 1.1, gamma = 1.15, or of the measured point nearest to it.
    pub paper: Option<usize>,
    /// Whether the paper's own point is on the grid and was measured.
    pub paper_is_exact: bool,
    /// A smooth surface over the grid.
    pub surface: Option<Surface>,
    /// The networks of the rung that has most of them, which the surface is fitted to.
    pub cells: Vec<Cell>,
    /// Epochs of that rung.
    pub cells_epochs: u64,
}

/// A network in the rung that has most of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The grid's points that it is.
    pub points: Vec<CompoundRule>,
    /// Over the baseline's cost.
    pub cost_ratio: f64,
    /// Mean top-1 as measured.
    pub top1: f64,
    /// The same at the target cost, by the slope within this rung.
    pub corrected: f64,
}

/// A network of the grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// Which network.
    pub network: NetworkKey,
    /// Its name for people.
    pub name: String,
    /// From 1, over all rungs.
    pub rank: usize,
    /// Epochs of its highest rung.
    pub epochs: u64,
    /// The grid's points that it is.
    pub points: Vec<CompoundRule>,
    /// Mean shares of depth, width and resolution of these.
    pub shares: [f64; 3],
    /// Over the baseline's cost.
    pub cost_ratio: f64,
    /// Mean top-1 as measured.
    pub top1: f64,
    /// The same at the target cost.
    pub corrected: f64,
    /// 95 % interval of it.
    pub interval: Option<Interval>,
    /// Probability of being the best of its rung, where this is the highest one.
    pub best: Option<f64>,
}

/// How top-1 grows with cost among the networks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// Share of the images for each doubling of the cost.
    pub per_doubling: f64,
    /// Its standard error.
    pub error: f64,
    /// Least cost of the networks over the greatest, less one, without sign: what there is to correct.
    pub range: f64,
}

/// The best network's coefficients.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Winner {
    /// alpha, beta, gamma of the first point that the best network is.
    pub coefficients: [f64; 3],
    /// 95 % of the draws' winners; none where there is a single seed.
    pub intervals: Option<[Quantiles; 3]>,
}

/// Quantiles of the draws' winners.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// 2.5 %.
    pub low: f64,
    /// 50 %.
    pub median: f64,
    /// 97.5 %.
    pub high: f64,
}

/// None where nothing of the grid was measured.
pub(super) fn landscape(
    plan: &Coefficients,
    lineup: &Lineup,
    trained: &[Trained],
    noise: &[Noise],
) -> Option<Landscape> {
    let networks = networks(&lineup.points);
    let measured: Vec<(&[&GridPoint], &Trained)> = networks
        .iter()
        .filter_map(|(key, points)| {
            Some((points.as_slice(), trained.iter().find(|t| t.longest && t.network == *key)?))
        })
        .collect();
    let first = measured.first()?;
    let baseline = first.1.cost / first.0.first()?.cost_ratio;
    let rungs = rungs(&measured);
    let logs: Vec<f64> = measured.iter().map(|(_, network)| network.cost.ln()).collect();
    let target_cost = plan.at_cost.map_or_else(|| mean(&logs).unwrap_or(0.0).exp(), |ratio| ratio * baseline);
    let slope = rungs.iter().find_map(|(epochs, _)| slope(&of_rung(&measured, *epochs)));
    let mut places: Vec<Place> = measured
        .iter()
        .map(|(points, network)| place(points, network, at_cost(network, slope, target_cost)))
        .collect();
    places.sort_by(|a, b| b.epochs.cmp(&a.epochs).then(b.corrected.total_cmp(&a.corrected)));
    places.iter_mut().enumerate().for_each(|(index, place)| place.rank = index + 1);
    let winner = winner(&mut places, trained, noise);
    let (paper, paper_is_exact) = paper(&places);
    let (cells, cells_epochs) = cells(&networks, trained, target_cost);
    Some(Landscape {
        untrained: networks.len() - places.len(),
        target_ratio: target_cost / baseline,
        places,
        rungs,
        target_cost,
        slope,
        winner,
        paper,
        paper_is_exact,
        surface: fitted(&cells),
        cells,
        cells_epochs,
    })
}

/// The grid's networks in its order, each with its points.
fn networks(points: &[GridPoint]) -> Vec<(NetworkKey, Vec<&GridPoint>)> {
    let mut networks: Vec<(NetworkKey, Vec<&GridPoint>)> = Vec::new();
    let mut index = HashMap::new();
    for point in points {
        let place = *index.entry(point.network).or_insert_with(|| {
            networks.push((point.network, Vec::new()));
            networks.len() - 1
        });
        networks[place].1.push(point);
    }
    networks
}

fn rungs(measured: &[(&[&GridPoint], &Trained)]) -> Vec<(u64, usize)> {
    let mut rungs = BTreeMap::new();
    measured.iter().for_each(|(_, network)| *rungs.entry(network.epochs).or_insert(0) += 1);
    rungs.into_iter().rev().collect()
}

fn of_rung<'a>(measured: &[(&[&GridPoint], &'a Trained)], epochs: u64) -> Vec<&'a Trained> {
    measured.iter().map(|(_, network)| *network).filter(|network| network.epochs == epochs).collect()
}

/// None for fewer than four networks, or networks of one cost.
fn slope(networks: &[&Trained]) -> Option<Slope> {
    if networks.len() < 4 {
        return None;
    }
    let rows: Vec<Vec<f64>> = networks.iter().map(|network| vec![1.0, network.cost.log2()]).collect();
    let middle = mean(&rows.iter().map(|row| row[1]).collect::<Vec<f64>>())?;
    let rows: Vec<Vec<f64>> = rows.into_iter().map(|row| vec![1.0, row[1] - middle]).collect();
    let range = rows.iter().map(|row| row[1]).fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(x), h.max(x)));
    // Costs within a thousandth of each other say nothing of growth.
    if range.1 - range.0 < 0.0015 {
        return None;
    }
    let fit = least_squares(&rows, &networks.iter().map(|network| network.top1).collect::<Vec<f64>>())?;
    Some(Slope {
        per_doubling: *fit.coefficients.get(1)?,
        error: *fit.errors.get(1)?,
        range: (range.1 - range.0).exp2() - 1.0,
    })
}

fn place(points: &[&GridPoint], network: &Trained, corrected: f64) -> Place {
    let shift = corrected - network.top1;
    let interval =
        network.interval.map(|interval| Interval { low: interval.low + shift, high: interval.high + shift });
    Place {
        network: network.network,
        name: network.name.clone(),
        rank: 0,
        epochs: network.epochs,
        shares: mean_shares(&points.iter().map(|point| point.rule).collect::<Vec<CompoundRule>>()),
        points: points.iter().map(|point| point.rule).collect(),
        cost_ratio: points.first().map_or(1.0, |point| point.cost_ratio),
        top1: network.top1,
        corrected,
        interval,
        best: None,
    }
}

fn mean_shares(points: &[CompoundRule]) -> [f64; 3] {
    let all: Vec<[f64; 3]> = points.iter().filter_map(shares).collect();
    [0, 1, 2]
        .map(|part| mean(&all.iter().map(|shares| shares[part]).collect::<Vec<f64>>()).unwrap_or(1.0 / 3.0))
}

fn bases(rule: &CompoundRule) -> [f64; 3] {
    [rule.alpha(), rule.beta(), rule.gamma()]
}

/// Draws the ranking of the highest rung again and again.
fn winner(places: &mut [Place], trained: &[Trained], noise: &[Noise]) -> Option<Winner> {
    let first = places.first()?;
    let (epochs, coefficients) = (first.epochs, bases(first.points.first()?));
    let rung = places.iter().filter(|place| place.epochs == epochs).count();
    let seeds: Vec<usize> = places[..rung]
        .iter()
        .map(|place| {
            let network = trained.iter().find(|t| t.network == place.network && t.epochs == epochs);
            network.map_or(1, |network| network.seeds.len())
        })
        .collect();
    let residuals = residuals(trained, epochs);
    if residuals.is_empty() || !noise.iter().any(|noise| noise.epochs == epochs) {
        return Some(Winner { coefficients, intervals: None });
    }
    let mut wins = vec![0_u64; rung];
    let mut winners: [Vec<f64>; 3] = Default::default();
    for draw in 0..DRAWS {
        let mut random = Random::new(0, 0, draw, Purpose::Resample);
        let drawn = places[..rung].iter().zip(&seeds).map(|(place, seeds)| {
            let sum: f64 = (0..*seeds).map(|_| residuals[random.below(residuals.len())]).sum();
            place.corrected + sum / *seeds as f64
        });
        let drawn: Vec<f64> = drawn.collect();
        let Some(best) = (0..rung).max_by(|a, b| drawn[*a].total_cmp(&drawn[*b])) else { continue };
        wins[best] += 1;
        let points = &places[best].points;
        let rule = bases(&points[random.below(points.len())]);
        winners.iter_mut().zip(rule).for_each(|(list, value)| list.push(value));
    }
    places.iter_mut().zip(wins).for_each(|(place, wins)| place.best = Some(wins as f64 / DRAWS as f64));
    let intervals = winners.map(|mut values| {
        values.sort_by(f64::total_cmp);
        let [low, median, high] = [0.025, 0.5, 0.975].map(|share| quantile(&values, share));
        Quantiles { low, median, high }
    });
    Some(Winner { coefficients, intervals: Some(intervals) })
}

/// What single trainings of a rung differ from their network's mean by, made up for the mean having been taken from them.
fn residuals(trained: &[Trained], epochs: u64) -> Vec<f64> {
    let repeated = trained.iter().filter(|network| network.epochs == epochs && network.seeds.len() > 1);
    repeated
        .flat_map(|network| {
            let count = network.seeds.len() as f64;
            let inflation = (count / (count - 1.0)).sqrt();
            network.seeds.iter().map(move |seed| (seed.top1 - network.top1) * inflation)
        })
        .collect()
}

/// The place of the paper's point, or of the one nearest to it, and whether it is its own.
fn paper(places: &[Place]) -> (Option<usize>, bool) {
    let paper = bases(&CompoundRule::PAPER);
    let distance = |rule: &CompoundRule| {
        bases(rule)
            .iter()
            .zip(paper)
            .map(|(ours, theirs)| (ours.ln() - theirs.ln()).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let nearest = places.iter().enumerate().filter_map(|(index, place)| {
        Some((index, place.points.iter().map(distance).min_by(f64::total_cmp)?))
    });
    let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1));
    (nearest.map(|(index, _)| index), nearest.is_some_and(|(_, distance)| distance < 1e-6))
}

/// The rung that has most networks, of equal ones the highest.
fn cells(networks: &[(NetworkKey, Vec<&GridPoint>)], trained: &[Trained], target: f64) -> (Vec<Cell>, u64) {
    let mut rungs: BTreeMap<u64, Vec<(&[&GridPoint], &Trained)>> = BTreeMap::new();
    for (key, points) in networks {
        for network in trained.iter().filter(|network| network.network == *key) {
            rungs.entry(network.epochs).or_default().push((points, network));
        }
    }
    let Some((epochs, rung)) = rungs.into_iter().max_by_key(|(epochs, rung)| (rung.len(), *epochs)) else {
        return (Vec::new(), 0);
    };
    let slope = slope(&of_rung(&rung, epochs));
    let cell = |(points, network): &(&[&GridPoint], &Trained)| Cell {
        points: points.iter().map(|point| point.rule).collect(),
        cost_ratio: points.first().map_or(1.0, |point| point.cost_ratio),
        top1: network.top1,
        corrected: at_cost(network, slope, target),
    };
    (rung.iter().map(cell).collect(), epochs)
}

fn at_cost(network: &Trained, slope: Option<Slope>, target: f64) -> f64 {
    network.top1 - slope.map_or(0.0, |slope| slope.per_doubling * (network.cost / target).log2())
}

fn fitted(cells: &[Cell]) -> Option<Surface> {
    let places: Vec<[f64; 3]> = cells.iter().map(|cell| mean_shares(&cell.points)).collect();
    let top1: Vec<f64> = cells.iter().map(|cell| cell.corrected).collect();
    let product = |rule: &CompoundRule| rule.alpha() * (rule.beta() * rule.gamma()).powi(2);
    let logs: Vec<f64> = cells.iter().flat_map(|cell| &cell.points).map(|rule| product(rule).ln()).collect();
    surface::fit(&places, &top1, mean(&logs)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::{key, point, row};
    use crate::analysis::trained::trained;
    use crate::{Row, Strategies};

    fn plan(at_cost: Option<f64>) -> Coefficients {
        Coefficients { grid: Default::default(), at_cost, strategy: Strategies::Full }
    }

    fn lineup() -> Lineup {
        let points = vec![
            point(1, (2.0, 1.0, 1.0), 2.0),
            point(2, (1.0, 1.4, 1.0), 2.0),
            point(3, (1.2, 1.1, 1.15), 2.0),
            point(4, (1.0, 1.0, 1.4), 4.0),
            point(3, (1.2, 1.1, 1.2), 2.0),
            point(5, (1.1, 1.1, 1.3), 2.0),
        ];
        Lineup { points, ..Lineup::default() }
    }

    /// 0.5 at a cost of 2, 0.6 at 4; network 3 is better than the others by as much as they differ by.
    fn rows() -> Vec<Row> {
        (0..3)
            .flat_map(|seed| {
                let rows = [(1, 2e6, 500), (2, 2e6, 500), (3, 2e6, 540), (4, 4e6, 605)];
                rows.map(|(network, cost, correct)| row(network, 4, seed, cost, correct + seed * 4))
            })
            .collect()
    }

    #[test]
    fn networks_are_ranked_at_one_cost() {
        let (trained, noise, _) = trained(&rows());
        let landscape = landscape(&plan(Some(2.0)), &lineup(), &trained, &noise).unwrap();
        // Means 0.504, 0.504, 0.544 at 2 and 0.609 at 4: a slope of 0.609 less their mean, 0.517333, for one doubling.
        let slope = landscape.slope.unwrap();
        assert!((slope.per_doubling - 0.091_666_67).abs() < 1e-7 && (slope.range - 1.0).abs() < 1e-9);
        let names: Vec<&str> = landscape.places.iter().map(|place| place.name.as_str()).collect();
        assert_eq!(names[..2], ["network-3", "network-4"]);
        let fourth = &landscape.places[1];
        assert!((fourth.corrected - 0.517_333_3).abs() < 1e-6 && (fourth.top1 - 0.609).abs() < 1e-12);
        assert_eq!((landscape.untrained, landscape.target_cost), (1, 2e6));
        assert_eq!((landscape.paper, landscape.paper_is_exact), (Some(0), true));
        assert_eq!(landscape.places[0].points.len(), 2);
        // Seeds spread by 0.004, the next one is 0.027 away.
        let winner = landscape.winner.unwrap();
        assert_eq!(landscape.places[0].best, Some(1.0));
        let intervals = winner.intervals.unwrap();
        assert_eq!((intervals[0].low, intervals[0].high), (1.2, 1.2));
        // It is two points: gamma may be either.
        assert_eq!((intervals[2].low, intervals[2].high), (1.15, 1.2));
    }

    #[test]
    fn the_same_journal_gives_the_same_interval() {
        let (trained, noise, _) = trained(&rows());
        let once = landscape(&plan(None), &lineup(), &trained, &noise);
        assert_eq!(once, landscape(&plan(None), &lineup(), &trained, &noise));
        // Without a target the geometric mean of the costs: (2^3 x 4)^(1/4) = 2.378.
        assert!((once.unwrap().target_ratio - 2.378_414).abs() < 1e-5);
    }

    #[test]
    fn equal_networks_share_the_probability() {
        let rows: Vec<Row> = (0..4)
            .flat_map(|seed| [row(1, 4, seed, 2e6, 500 + seed * 10), row(2, 4, seed, 2e6, 530 - seed * 10)])
            .collect();
        let (trained, noise, _) = trained(&rows);
        let landscape = landscape(&plan(None), &lineup(), &trained, &noise).unwrap();
        let best: Vec<f64> = landscape.places.iter().filter_map(|place| place.best).collect();
        assert!((best[0] - 0.5).abs() < 0.06 && (best[0] + best[1] - 1.0).abs() < 1e-12, "{best:?}");
        assert!(landscape.slope.is_none() && landscape.surface.is_none());
    }

    /// A rung of more epochs stands above whatever a rung of fewer came to, and only its networks can be the best.
    #[test]
    fn rungs_are_not_mixed() {
        let mut rows = vec![row(1, 2, 0, 2e6, 900), row(2, 2, 0, 2e6, 300), row(3, 2, 0, 2e6, 400)];
        rows.push(row(3, 4, 0, 2e6, 500));
        let (trained, noise, _) = trained(&rows);
        let landscape = landscape(&plan(None), &lineup(), &trained, &noise).unwrap();
        assert_eq!(landscape.rungs, [(4, 1), (2, 2)]);
        assert_eq!((landscape.places[0].network, landscape.places[1].network), (key(3), key(1)));
        assert!(landscape.winner.unwrap().intervals.is_none());
    }

    #[test]
    fn an_empty_journal_has_no_landscape() {
        assert!(landscape(&plan(None), &lineup(), &[], &[]).is_none());
        assert!(landscape(&plan(None), &Lineup::default(), &trained(&rows()).0, &[]).is_none());
    }
}
