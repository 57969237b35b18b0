//! A bar on a terminal, a line now and then where there is none.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What to show during a download, on standard error.
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

pub(super) enum Meter {
    Bar(ProgressBar),
    Lines { name: String, total: Option<u64>, last: Instant },
    Silent,
}

impl Progress {
    /// A sentence for the user.
    pub(super) fn say(self, sentence: &str) {
        if self == Self::Shown {
            eprintln!("{sentence}");
        }
    }

    pub(super) fn meter(self, name: &str, total: Option<u64>, done: u64) -> Meter {
        match self {
            Self::Silent => Meter::Silent,
            Self::Shown if stderr().is_terminal() => {
                let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
                let style = "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_message(name.to_string());
                bar.set_position(done);
                Meter::Bar(bar)
            }
            Self::Shown => {
                let meter = Meter::Lines { name: name.to_string(), total, last: Instant::now() };
                meter.line(done);
                meter
            }
        }
    }
}

impl Meter {
    pub fn at(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { last, .. } if last.elapsed() >= EVERY => {
                *last = Instant::now();
                self.line(done);
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    pub fn finish(&self, done: u64) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            other => other.line(done),
        }
    }

    fn line(&self, done: u64) {
        let Self::Lines { name, total, .. } = self else { return };
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let of = total.map_or(String::new(), |total| format!(" of {:.1}", megabytes(total)));
        Progress::Shown.say(&format!("downloading {name}: {:.1}{of} MB", megabytes(done)));
    }
}
