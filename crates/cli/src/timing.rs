//! Timing: what is repeated, how often, and what is said of the times.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use efficientnet_search::latency::Timing;

use crate::error::CliError;
use crate::interrupt;

/// A pass that says how many milliseconds it took.
pub type Pass<'a> = Box<dyn FnMut() -> Result<f64, CliError> + 'a>;

/// Repeats of each of several passes: enough that a median of them is one.
const ROUNDS: usize = 7;

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Nearest rank; `sorted` is not empty.
pub fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * fraction).round() as usize]
}

/// Passes for `seconds`, but `least` times however long that takes.
pub fn repeat(
    seconds: f64,
    least: usize,
    pass: &mut dyn FnMut() -> Result<f64, CliError>,
) -> Result<Vec<f64>, CliError> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut times = Vec::new();
    while times.len() < least || Instant::now() < until {
        if interrupt::asked() {
            return Err(CliError::Interrupted);
        }
        times.push(pass()?);
    }
    Ok(times)
}

/// Times several passes, each for about `seconds`, in turns: after a warm-up each is repeated for a while, then the next,
/// and all that several times over. A turn is worth its median.
pub fn in_turns(passes: &mut [Pass<'_>], seconds: f64) -> Result<Vec<Timing>, CliError> {
    for pass in passes.iter_mut() {
        repeat(seconds / 4.0, 2, pass)?;
    }
    let mut turns = vec![Vec::with_capacity(ROUNDS); passes.len()];
    for _ in 0..ROUNDS {
        for (pass, turns) in passes.iter_mut().zip(&mut turns) {
            let times = repeat(seconds / ROUNDS as f64, 1, pass)?;
            turns.extend(Timing::of(&times).map(|timing| timing.median_ms));
        }
    }
    Ok(turns.iter().filter_map(|turns| Timing::of(turns)).collect())
}

/// The day, in UTC, as `2026-11-28`.
pub fn today() -> String {
    day(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400))
}

/// The day so many days after 1970-01-01. Counted in eras of 400 years that begin on a first of March, so that the leap day is
/// a year's last.
fn day(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn percentiles_of_a_few_runs() {
        let sorted = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(percentile(&sorted, 0.0), 1.0);
        assert_eq!(percentile(&sorted, 0.5), 3.0);
        assert_eq!(percentile(&sorted, 0.9), 5.0);
        assert_eq!(percentile(&[7.0], 0.9), 7.0);
    }

    #[test]
    fn passes_take_turns() {
        let order = RefCell::new(String::new());
        let pass = |letter: char, time: f64| -> Pass<'_> {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(letter);
                Ok(time)
            })
        };
        let timings = in_turns(&mut [pass('a', 1.0), pass('b', 2.0)], 0.0).unwrap();
        assert_eq!(*order.borrow(), format!("aabb{}", "ab".repeat(7)));
        assert_eq!(timings, [1.0, 2.0].map(|median_ms| Timing { median_ms, spread_ms: 0.0, repeats: 7 }));
        let mut broken: [Pass<'_>; 1] = [Box::new(|| Err(CliError::Failure("no".to_string())))];
        assert!(in_turns(&mut broken, 0.0).is_err());
    }

    #[test]
    fn days_are_right() {
        assert_eq!(
            [0, 59, 11_016, 20_785].map(day),
            ["1970-01-01", "1970-03-01", "2000-02-29", "2026-11-28"]
        );
    }
}
