//! Timing: what is repeated, how often, and what is said of the times.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use efficientnet_search::latency::Timing;

use crate::error::CliError;
use crate::interrupt;

/// A pass that says how many milliseconds it took, and what its parts took where they can be told apart; always as many numbers.
pub type Pass<'a> = Box<dyn FnMut() -> Result<Vec<f64>, CliError> + 'a>;

/// Repeats of each of several passes: enough that a median of them is one.
const ROUNDS: usize = 7;
/// Seconds for which a pass that is shorter is repeated before the next has its turn.
const TURN: f64 = 0.002;

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Nearest rank; `sorted` is not empty.
pub fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * fraction).round() as usize]
}

/// Passes for `seconds`, but `least` times however long that takes.
pub fn repeat<T>(
    seconds: f64,
    least: usize,
    pass: &mut dyn FnMut() -> Result<T, CliError>,
) -> Result<Vec<T>, CliError> {
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

/// Times several passes, each for about `seconds`, in turns as short as can be: a machine's speed wanders by a fifth within seconds,
/// and so it wanders for all of them alike. What is left of it is taken out: a round that was slow for most is made less of.
///
/// Before each turn stands a pass that does not count: it brings back what the others have driven out of the caches.
pub fn in_turns(passes: &mut [Pass<'_>], seconds: f64) -> Result<Vec<Vec<Timing>>, CliError> {
    let until = Instant::now() + Duration::from_secs_f64(seconds * passes.len() as f64);
    let mut turns = vec![Vec::new(); passes.len()];
    let mut round = 0;
    // The first round is a warm-up.
    while round <= ROUNDS || Instant::now() < until {
        for (pass, turns) in passes.iter_mut().zip(&mut turns) {
            repeat(0.0, 1, pass)?;
            let times = repeat(TURN.min(seconds), 1, pass)?;
            if round > 0 {
                turns.push(summaries(&times).iter().map(|timing| timing.median_ms).collect());
            }
        }
        round += 1;
    }
    even_out(&mut turns);
    Ok(turns.iter().map(|turns| summaries(turns)).collect())
}

/// Divides each round's times by how slow the round was: the median, over all passes, of the round's first number over the pass's
/// own median. Fewer than three passes cannot tell a slow round from a slow pass.
fn even_out(turns: &mut [Vec<Vec<f64>>]) {
    if turns.len() < 3 {
        return;
    }
    let median = |times: &[f64]| Timing::of(times).map_or(1.0, |timing| timing.median_ms);
    let first =
        |turns: &Vec<Vec<f64>>| turns.iter().filter_map(|turn| turn.first().copied()).collect::<Vec<f64>>();
    let firsts: Vec<Vec<f64>> = turns.iter().map(first).collect();
    let own: Vec<f64> = firsts.iter().map(|times| median(times)).collect();
    let rounds = firsts.iter().map(Vec::len).min().unwrap_or(0);
    for round in 0..rounds {
        let slowness: Vec<f64> = firsts.iter().zip(&own).map(|(times, own)| times[round] / own).collect();
        let slowness = median(&slowness);
        for turns in turns.iter_mut() {
            turns[round].iter_mut().for_each(|time| *time /= slowness);
        }
    }
}

/// A summary of each number over all passes.
fn summaries(times: &[Vec<f64>]) -> Vec<Timing> {
    let numbers = times.first().map_or(0, Vec::len);
    let each =
        |number: usize| times.iter().filter_map(|pass| pass.get(number).copied()).collect::<Vec<f64>>();
    (0..numbers).filter_map(|number| Timing::of(&each(number))).collect()
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
        let pass = |letter: char, times: Vec<f64>| -> Pass<'_> {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(letter);
                Ok(times.clone())
            })
        };
        let timings = in_turns(&mut [pass('a', vec![1.0, 0.5]), pass('b', vec![2.0])], 0.0).unwrap();
        assert_eq!(*order.borrow(), "aabb".repeat(8));
        let same = |median_ms: f64| Timing { median_ms, spread_ms: 0.0, repeats: 7 };
        assert_eq!(timings, [vec![same(1.0), same(0.5)], vec![same(2.0)]]);
        let mut broken: [Pass<'_>; 1] = [Box::new(|| Err(CliError::Failure("no".to_string())))];
        assert!(in_turns(&mut broken, 0.0).is_err());
    }

    #[test]
    fn rounds_that_were_slow_for_most_are_evened_out() {
        // The second round took twice as long, and the third pass had a bad third round.
        let mut turns = [[1.0, 2.0, 1.0], [10.0, 20.0, 10.0], [5.0, 10.0, 9.0]]
            .map(|times| times.map(|time| vec![time, time / 2.0]).to_vec());
        even_out(&mut turns);
        assert_eq!(turns[0], [[1.0, 0.5]; 3]);
        assert_eq!(turns[2], [[5.0, 2.5], [5.0, 2.5], [9.0, 4.5]]);
        let mut two = [vec![vec![1.0]], vec![vec![2.0]]];
        even_out(&mut two);
        assert_eq!(two, [vec![vec![1.0]], vec![vec![2.0]]]);
    }

    #[test]
    fn days_are_right() {
        assert_eq!(
            [0, 59, 11_016, 20_785].map(day),
            ["1970-01-01", "1970-03-01", "2000-02-29", "2026-11-28"]
        );
    }
}
