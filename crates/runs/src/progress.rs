//! How training goes, for whoever watches: one calm line on a terminal, a plain line now and then elsewhere.
//!
//! It goes to standard error, so that standard output stays for results. Figures are taken in at every step and shown a
//! few times a second at most; what a step costs here is a few additions.

mod meter;
mod text;

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use meter::Meter;
pub use text::{Line, duration, epoch_line};

use crate::journal::{Epoch, Step};

/// Time between two changes of the line on a terminal.
const ON_TERMINAL: Duration = Duration::from_millis(500);
/// Time between two plain lines.
const ELSEWHERE: Duration = Duration::from_secs(20);

/// Shows how training goes.
#[derive(Debug)]
pub struct Progress {
    meter: Meter,
    shown: Shown,
    next: Instant,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Progress {
    /// A run of so many steps in so many epochs, on standard error.
    pub fn new(total_steps: u64, epochs: u64) -> Self {
        // A terminal that cannot move its cursor gets plain lines, too.
        let bar = Some(bar()).filter(|bar| stderr().is_terminal() && !bar.is_hidden());
        Self::showing(bar.map_or(Shown::Lines, Shown::Bar), total_steps, epochs)
    }

    /// Shows nothing: for tests, and for all ranks but the first.
    pub fn silent() -> Self {
        Self::showing(Shown::Nothing, 0, 0)
    }

    fn showing(shown: Shown, total_steps: u64, epochs: u64) -> Self {
        let now = Instant::now();
        Self { meter: Meter::new(total_steps, epochs, now), shown, next: now }
    }

    /// An update was made with so many images. Steps may come late and several at a time.
    pub fn step(&mut self, step: &Step, images: u64) {
        let now = Instant::now();
        self.meter.add(step, images, now);
        if now >= self.next {
            self.show(now);
        }
    }

    /// An epoch ended, its validation included.
    pub fn epoch(&mut self, epoch: &Epoch) {
        self.say(&epoch_line(epoch, self.meter.epochs()));
        // What validation took is not the pace of training.
        self.meter.pause(Instant::now());
    }

    /// A sentence between the lines, such as where a checkpoint was kept.
    pub fn say(&self, sentence: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(sentence),
            Shown::Lines => write(sentence),
            Shown::Nothing => {}
        }
    }

    /// The end, early or not: the line goes, and its last figures stay as plain text.
    pub fn finish(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
        if let (Some(line), false) = (self.meter.line(), matches!(self.shown, Shown::Nothing)) {
            write(&line.to_string());
        }
    }

    fn show(&mut self, now: Instant) {
        let Some(line) = self.meter.line() else { return };
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_message(line.to_string());
                self.next = now + ON_TERMINAL;
            }
            Shown::Lines => {
                write(&line.to_string());
                self.next = now + ELSEWHERE;
            }
            Shown::Nothing => {}
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

/// Nobody may be listening any more; training goes on all the same.
fn write(sentence: &str) {
    let _ = writeln!(stderr().lock(), "{sentence}");
}
