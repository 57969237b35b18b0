//! Which of several networks no other beats in both cost and accuracy, and how good such a front is as one number.
//!
//! The hypervolume (Zitzler and Thiele 1998) is the area that a front dominates, up to a reference point that is worse than
//! all of it: here a cost that is never exceeded and an accuracy that is never fallen short of. In two dimensions a sweep
//! along the cost is exact.

use serde::{Deserialize, Serialize};

/// What is traded off: less cost, more accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tradeoff {
    /// In whatever measure the plan has; the less the better.
    pub cost: f64,
    /// Share of the images that were named rightly; the more the better.
    pub top1: f64,
}

/// The places of the points that no other point beats: none costs as little or less and is as accurate or more. From the
/// cheapest to the most accurate; of equal points only the first. Points with a number that is none are left out.
pub fn pareto_front(points: &[Tradeoff]) -> Vec<usize> {
    let is_number = |index: &usize| !points[*index].cost.is_nan() && !points[*index].top1.is_nan();
    let mut order: Vec<usize> = (0..points.len()).filter(is_number).collect();
    // Stable: of equal points the first stays first.
    order.sort_by(|a, b| {
        let (a, b) = (points[*a], points[*b]);
        a.cost.total_cmp(&b.cost).then(b.top1.total_cmp(&a.top1))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|index| {
        let better = points[*index].top1 > best;
        best = best.max(points[*index].top1);
        better
    });
    order
}

/// The area that the points dominate, in units of cost times accuracy, up to `reference`. A point that is not better than
/// the reference in both adds nothing.
pub fn hypervolume(points: &[Tradeoff], reference: Tradeoff) -> f64 {
    let front = pareto_front(points);
    let inside = |point: &&Tradeoff| point.cost < reference.cost && point.top1 > reference.top1;
    let mut area = 0.0;
    let mut floor = reference.top1;
    // Each point adds the strip above its cheaper neighbour, from its own cost to the reference's.
    for point in front.iter().map(|index| &points[*index]).filter(inside) {
        area += (reference.cost - point.cost) * (point.top1 - floor);
        floor = point.top1;
    }
    area
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REFERENCE: Tradeoff = Tradeoff { cost: 20.0, top1: 0.0 };

    fn points(pairs: &[(f64, f64)]) -> Vec<Tradeoff> {
        pairs.iter().map(|(cost, top1)| Tradeoff { cost: *cost, top1: *top1 }).collect()
    }

    #[test]
    fn a_front_leaves_out_what_is_beaten() {
        let all = points(&[
            (3.0, 0.7),
            (1.0, 0.5),
            (2.0, 0.4),
            (3.0, 0.6),
            (1.0, 0.5),
            (f64::NAN, 0.9),
            (4.0, 0.7),
        ]);
        assert_eq!(pareto_front(&all), [1, 0]);
        assert_eq!(pareto_front(&[]), [0; 0]);
    }

    #[test]
    fn the_area_is_that_of_the_staircase() {
        // 19 x 0.5 below the first point, then 17 x 0.2 on top of it.
        let all = points(&[(1.0, 0.5), (3.0, 0.7)]);
        assert!((hypervolume(&all, REFERENCE) - (19.0 * 0.5 + 17.0 * 0.2)).abs() < 1e-12);
        // Neither dearer than the reference nor as bad as it.
        let nothing = points(&[(20.0, 0.9), (30.0, 0.9), (1.0, 0.0), (1.0, -1.0)]);
        assert_eq!(hypervolume(&nothing, REFERENCE), 0.0);
    }

    /// Points on a whole-numbered grid, so that areas are counts of unit squares and ties occur.
    fn on_a_grid() -> impl Strategy<Value = Vec<Tradeoff>> {
        prop::collection::vec((0u8..24, 0u8..12), 0..20).prop_map(|pairs| {
            points(&pairs.iter().map(|(c, t)| (f64::from(*c), f64::from(*t))).collect::<Vec<_>>())
        })
    }

    fn beats(a: Tradeoff, b: Tradeoff) -> bool {
        a.cost <= b.cost && a.top1 >= b.top1
    }

    /// Unit squares below at least one point.
    fn counted(all: &[Tradeoff]) -> usize {
        let corners = (0..20).flat_map(|c| (0..12).map(move |t| (f64::from(c), f64::from(t))));
        corners.filter(|(c, t)| all.iter().any(|p| p.cost <= *c && p.top1 >= *t + 1.0)).count()
    }

    proptest! {
        #[test]
        fn the_front_beats_everything_else_and_nothing_of_itself(all in on_a_grid()) {
            let front = pareto_front(&all);
            for (index, point) in all.iter().enumerate() {
                let beaten = front.iter().any(|other| *other != index && beats(all[*other], *point));
                prop_assert_eq!(beaten, !front.contains(&index));
            }
            prop_assert!(front.windows(2).all(|pair| all[pair[0]].cost < all[pair[1]].cost));
            prop_assert!(front.windows(2).all(|pair| all[pair[0]].top1 < all[pair[1]].top1));
        }

        #[test]
        fn the_sweep_counts_the_squares(all in on_a_grid()) {
            prop_assert_eq!(hypervolume(&all, REFERENCE), counted(&all) as f64);
        }

        #[test]
        fn the_order_of_the_points_changes_nothing(all in on_a_grid()) {
            let reversed: Vec<Tradeoff> = all.iter().rev().copied().collect();
            prop_assert_eq!(hypervolume(&all, REFERENCE), hypervolume(&reversed, REFERENCE));
        }
    }
}
