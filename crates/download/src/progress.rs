//! A bar on a terminal, a line now and then where there is none.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What to show during long work, on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Progress {
    /// A bar on a terminal, plain lines where there is none.
    #[default]
    Shown,
    /// Nothing.
    Silent,
}

/// Time between two plain lines.
const EVERY: Duration = Duration::from_secs(5);

/// Counts bytes towards a total.
#[derive(Debug)]
pub struct Meter(Kind);

#[derive(Debug)]
enum Kind {
    Bar(ProgressBar),
    Lines { label: String, total: Option<u64>, last: Instant },
    Silent,
}

impl Progress {
    /// A sentence for the user.
    pub fn say(self, sentence: &str) {
        if self == Self::Shown {
            eprintln!("{sentence}");
        }
    }

    /// Begins to count, as `downloading cifar10`, where `done` of `total` bytes are there already.
    pub fn meter(self, action: &str, name: &str, total: Option<u64>, done: u64) -> Meter {
        let label = format!("{action} {name}");
        match self {
            Self::Silent => Meter(Kind::Silent),
            Self::Shown if stderr().is_terminal() => {
                let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
                let style = "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_message(label);
                bar.set_position(done);
                Meter(Kind::Bar(bar))
            }
            Self::Shown => {
                let meter = Meter(Kind::Lines { label, total, last: Instant::now() });
                meter.line(done);
                meter
            }
        }
    }
}

impl Meter {
    /// `done` bytes are there.
    pub fn at(&mut self, done: u64) {
        match &mut self.0 {
            Kind::Bar(bar) => bar.set_position(done),
            Kind::Lines { last, .. } if last.elapsed() >= EVERY => {
                *last = Instant::now();
                self.line(done);
            }
            Kind::Lines { .. } | Kind::Silent => {}
        }
    }

    /// The end, whether everything came or not.
    pub fn finish(&self, done: u64) {
        match &self.0 {
            Kind::Bar(bar) => bar.finish_and_clear(),
            _ => self.line(done),
        }
    }

    fn line(&self, done: u64) {
        let Kind::Lines { label, total, .. } = &self.0 else { return };
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let of = total.map_or(String::new(), |total| format!(" of {:.1}", megabytes(total)));
        Progress::Shown.say(&format!("{label}: {:.1}{of} MB", megabytes(done)));
    }
}
