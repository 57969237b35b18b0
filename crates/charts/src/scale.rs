//! Axes with round ticks.

/// Values along an axis.
#[derive(Debug, Clone)]
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
    /// Whether equal ratios take equal room.
    logarithmic: bool,
    /// Where the grid lines are.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// From a tick at or below `low` to one at or above `high`, in about `count` steps of a round size.
    pub fn rounded(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = sane(low, high);
        let step = round_step((high - low) / count as f64);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        Self {
            low: first * step,
            high: last * step,
            step,
            logarithmic: false,
            ticks: ticks(first, last, step),
        }
    }

    /// From `low` to `high`, with about `count` round ticks between them.
    pub fn exact(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = sane(low, high);
        let step = round_step((high - low) / count as f64);
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        Self { low, high, step, logarithmic: false, ticks: ticks(first, last, step) }
    }

    /// Equal ratios take equal room: from a little below `low` to a little above `high`, both above zero, with round ticks
    /// between them.
    pub fn logarithmic(low: f64, high: f64) -> Self {
        let (low, high) =
            if low > 0.0 && low.is_finite() && high.is_finite() { (low, high) } else { (1.0, 10.0) };
        let room = (high.max(low) / low).powf(0.06).max(1.02);
        let (low, high) = (low / room, high.max(low) * room);
        let ticks = LOGARITHMIC.iter().map(|digits| powers(low, high, digits)).find(|ticks| ticks.len() >= 4);
        let ticks = ticks.unwrap_or_else(|| Self::exact(low, high, 4).ticks);
        Self { low, high, step: 0.0, logarithmic: true, ticks }
    }

    /// With no other ticks than whole numbers.
    pub fn whole(self) -> Self {
        let ticks = self.ticks.iter().copied().filter(|tick| (tick - tick.round()).abs() < 1e-9).collect();
        Self { ticks, step: self.step.max(1.0), ..self }
    }

    /// Where `value` is between the ends, 0 to 1; values beyond are a little outside.
    pub fn place(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        share.clamp(-1.0, 2.0)
    }

    /// A tick in letters: as many decimals as the step has.
    pub fn label(&self, tick: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if tick == 0.0 {
            "0".to_string()
        } else if self.logarithmic {
            short(tick)
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

/// First digits of a logarithmic axis' ticks, from few to many.
const LOGARITHMIC: [&[f64]; 4] = [
    &[1.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
    &[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.3, 2.6, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 9.0],
];

/// `digits` times the powers of ten, from `low` to `high`.
fn powers(low: f64, high: f64, digits: &[f64]) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().floor() as i32);
    let values = (first..=last).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
    values.filter(|value| (low..=high).contains(value)).collect()
}

/// `0.5`, `20`, `1.5k`, `20M`, `3G`: at most three digits.
pub fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 0.9995e9 => (value / 1e9, "G"),
        size if size >= 0.9995e6 => (value / 1e6, "M"),
        size if size >= 0.9995e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let decimals = match value.abs() {
        size if size >= 99.5 => 0,
        size if size >= 9.95 => 1,
        size if size >= 0.01 => 2,
        _ => return format!("{value:.1e}{unit}"),
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
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
    fn a_logarithmic_axis_has_round_ticks_at_equal_ratios() {
        let scale = Scale::logarithmic(1e6, 1e8);
        assert_eq!(labels(&scale), ["1M", "2M", "5M", "10M", "20M", "50M", "100M"]);
        let step = scale.place(1e7) - scale.place(1e6);
        assert!((scale.place(1e8) - scale.place(1e7) - step).abs() < 1e-12 && scale.place(1e6) > 0.0);
        assert_eq!(labels(&Scale::logarithmic(1.0, 4.0)), ["1", "1.5", "2", "3", "4"]);
        assert!(Scale::logarithmic(3.0e6, 3.02e6).ticks.len() >= 2);
    }

    #[test]
    fn short_numbers() {
        let values = [0.5, 20.0, 1500.0, 2e7, 3.14159e9, 999_999.0, 0.0004];
        assert_eq!(values.map(short), ["0.5", "20", "1.5k", "20M", "3.14G", "1M", "4.0e-4"]);
    }

    #[test]
    fn nothing_breaks_an_axis() {
        for (low, high) in [(f64::NAN, 1.0), (3.0, 3.0), (0.0, 0.0), (5.0, -5.0), (0.0, 1e300), (0.0, 1e-300)]
        {
            for scale in
                [Scale::rounded(low, high, 4), Scale::exact(low, high, 4), Scale::logarithmic(low, high)]
            {
                assert!(scale.ticks.len() <= 101 && scale.place(low).is_finite() | low.is_nan(), "{scale:?}");
            }
        }
    }
}
