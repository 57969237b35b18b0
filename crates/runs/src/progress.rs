//! How training goes, for whoever watches: one calm line on a terminal, a plain line now and then elsewhere.
//!
//! It goes to standard error, so that standard output stays for results. Figures are taken in at every step and shown a
//! few times a second at most; what a step costs here is a few additions.

mod meter;
mod teller;
mod text;

use std::time::Instant;

use meter::Meter;
pub use teller::Teller;
pub use text::{Line, duration, epoch_line};

use crate::journal::{Epoch, Step};

/// Shows how training goes.
#[derive(Debug)]
pub struct Progress {
    meter: Meter,
    teller: Teller,
}

impl Progress {
    /// A run of so many steps in so many epochs, on standard error.
    pub fn new(total_steps: u64, epochs: u64) -> Self {
        Self { meter: Meter::new(total_steps, epochs, Instant::now()), teller: Teller::new() }
    }

    /// Shows nothing: for tests, and for all ranks but the first.
    pub fn silent() -> Self {
        Self { meter: Meter::new(0, 0, Instant::now()), teller: Teller::silent() }
    }

    /// An update was made with so many images. Steps may come late and several at a time.
    pub fn step(&mut self, step: &Step, images: u64) {
        let now = Instant::now();
        self.meter.add(step, images, now);
        if let Some(line) = Some(now).filter(|now| self.teller.is_due(*now)).and_then(|_| self.meter.line()) {
            self.teller.show(&line.to_string(), now);
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
        self.teller.say(sentence);
    }

    /// The end, early or not: the line goes, and its last figures stay as plain text.
    pub fn finish(&mut self) {
        self.teller.clear();
        if let Some(line) = self.meter.line() {
            self.teller.say(&line.to_string());
        }
    }
}
