//! Axes with round ticks.

/// Values along an axis.
#[derive(Debug, Clone)]
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
    /// Where the grid lines are.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// From a tick at or below `low` to one at or above `high`, in about `count` steps of a round size.
    pub fn rounded(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = sane(low, high);
        let step = round_step((high - low) / count as f64);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        Self { low: first * step, high: last * step, step, ticks: ticks(first, last, step) }
    }

    /// From `low` to `high`, with about `count` round ticks between them.
    pub fn exact(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = sane(low, high);
        let step = round_step((high - low) / count as f64);
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        Self { low, high, step, ticks: ticks(first, last, step) }
    }

    /// With no other ticks than whole numbers.
    pub fn whole(self) -> Self {
        let ticks = self.ticks.iter().copied().filter(|tick| (tick - tick.round()).abs() < 1e-9).collect();
        Self { ticks, step: self.step.max(1.0), ..self }
    }

    /// Where `value` is between the ends, 0 to 1; values beyond are a little outside.
    pub fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(-1.0, 2.0)
    }

    /// A tick in letters: as many decimals as the step has.
    pub fn label(&self, tick: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if tick == 0.0 {
            "0".to_string()
        } else if largest < 0.002 {
            // Rounded to what a step needs: 0.00030000000000000003 is 3e-4.
            format!("{tick:.1e}").replace(".0e", "e")
        } else if largest >= 10_000.0 && self.step >= 500.0 {
            format!("{}k", (tick / 1000.0 * 10.0).round() / 10.0)
        } else {
            let decimals = (0..6).find(|d| whole_number(self.step * 10_f64.powi(*d))).unwrap_or(6);
            format!("{tick:.*}", decimals as usize)
        }
    }
}

fn whole_number(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6 * value.abs()
}

fn sane(low: f64, high: f64) -> (f64, f64) {
    match (low.is_finite() && high.is_finite(), low < high) {
        (true, true) => (low, high),
        (true, false) => (low, low + if low == 0.0 { 1.0 } else { low.abs() * 0.1 }),
        (false, _) => (0.0, 1.0),
    }
}

fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.999).unwrap_or(raw)
}

fn ticks(first: f64, last: f64, step: f64) -> Vec<f64> {
    let count = (last - first).clamp(0.0, 100.0) as usize;
    (0..=count).map(|index| (first + index as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks.iter().map(|tick| scale.label(*tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_reach_the_ends() {
        assert_eq!(labels(&Scale::rounded(0.0, 87.0, 4)), ["0", "25", "50", "75", "100"]);
        assert_eq!(labels(&Scale::rounded(0.72, 0.93, 4)), ["0.7", "0.8", "0.9", "1.0"]);
        assert_eq!(labels(&Scale::rounded(0.0, 2.31, 4)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Scale::rounded(0.0, 0.0004, 4)), ["0", "1e-4", "2e-4", "3e-4", "4e-4"]);
    }

    #[test]
    fn an_exact_axis_ends_where_it_is_told() {
        let scale = Scale::exact(0.0, 23_400.0, 5);
        assert_eq!(labels(&scale), ["0", "5k", "10k", "15k", "20k"]);
        assert_eq!((scale.place(0.0), scale.place(23_400.0)), (0.0, 1.0));
        assert_eq!(labels(&Scale::exact(0.0, 2.0, 5).whole()), ["0", "1", "2"]);
    }

    #[test]
    fn nothing_breaks_an_axis() {
        for (low, high) in [(f64::NAN, 1.0), (3.0, 3.0), (0.0, 0.0), (5.0, -5.0), (0.0, 1e300), (0.0, 1e-300)]
        {
            for scale in [Scale::rounded(low, high, 4), Scale::exact(low, high, 4)] {
                assert!(scale.ticks.len() <= 101 && scale.place(low).is_finite() | low.is_nan(), "{scale:?}");
            }
        }
    }
}
