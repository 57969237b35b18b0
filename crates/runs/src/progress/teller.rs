//! One line about long work: in place on a terminal, plain lines now and then elsewhere, on standard error.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two changes of the line on a terminal.
const ON_TERMINAL: Duration = Duration::from_millis(500);
/// Time between two plain lines.
const ELSEWHERE: Duration = Duration::from_secs(20);

/// Tells how long work goes, to whoever watches.
#[derive(Debug)]
pub struct Teller {
    shown: Shown,
    next: Instant,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Default for Teller {
    fn default() -> Self {
        Self::new()
    }
}

impl Teller {
    /// On standard error.
    pub fn new() -> Self {
        // A terminal that cannot move its cursor gets plain lines, too.
        let bar = Some(bar()).filter(|bar| stderr().is_terminal() && !bar.is_hidden());
        Self { shown: bar.map_or(Shown::Lines, Shown::Bar), next: Instant::now() }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self { shown: Shown::Nothing, next: Instant::now() }
    }

    /// Whether it is time for the line to change.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next && !matches!(self.shown, Shown::Nothing)
    }

    /// The line changes.
    pub fn show(&mut self, line: &str, now: Instant) {
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_message(line.to_string());
                self.next = now + ON_TERMINAL;
            }
            Shown::Lines => {
                write(line);
                self.next = now + ELSEWHERE;
            }
            Shown::Nothing => {}
        }
    }

    /// A sentence that stays.
    pub fn say(&self, sentence: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(sentence),
            Shown::Lines => write(sentence),
            Shown::Nothing => {}
        }
    }

    /// The line goes; what is said from now on is plain text.
    pub fn clear(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
            self.shown = Shown::Lines;
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    // Cut to the terminal's width: a line that wraps cannot be drawn over.
    match ProgressStyle::with_template("{wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Nobody may be listening any more; the work goes on all the same.
fn write(sentence: &str) {
    let _ = writeln!(stderr().lock(), "{sentence}");
}
