//! One line about the search: which trial, how long yet, the last result and the best.

use std::time::Instant;

use efficientnet_runs::progress::{Teller, duration};

use super::Shard;
use super::pace::{Pace, work};
use crate::{Results, Round, Row, Trial};

/// Shows how a search goes.
#[derive(Debug)]
pub struct Progress {
    teller: Teller,
    figures: Figures,
}

/// What the line says.
#[derive(Debug, Clone, Default)]
struct Figures {
    /// Trials of this shard that ended, in this round and before it.
    done: u64,
    /// With those to come.
    total: u64,
    /// The trial that is under way.
    name: String,
    share: f64,
    own_work: f64,
    /// Work after that trial.
    later_work: f64,
    pace: Pace,
    last: Option<f64>,
    best: Option<(f64, String)>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// On standard error: one line in place on a terminal, plain lines elsewhere.
    pub fn new() -> Self {
        Self { teller: Teller::new(), figures: Figures::default() }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self { teller: Teller::silent(), figures: Figures::default() }
    }

    /// A sentence that stays.
    pub fn say(&self, sentence: &str) {
        self.teller.say(sentence);
    }

    pub(super) fn round(
        &mut self,
        round: &Round,
        own: &[Trial],
        results: &Results,
        shard: Shard,
        pace: Pace,
    ) {
        let shards = shard.count as u64;
        let done = own.iter().filter(|trial| results.contains_key(&trial.id)).count() as u64;
        let missing = own.iter().filter(|trial| !results.contains_key(&trial.id));
        let of = |trial: &Trial| work(trial.candidate.totals.macs, trial.id.epochs);
        // What is not known yet is taken to be as large as what is.
        let macs: f64 = round.trials.iter().map(|trial| trial.candidate.totals.macs as f64).sum();
        let later = macs / round.trials.len().max(1) as f64 * round.later_epochs as f64 / shards as f64;
        self.figures.total =
            self.figures.done.max(done) + own.len() as u64 - done + round.later.div_ceil(shards);
        self.figures.done = self.figures.done.max(done);
        self.figures.later_work = missing.map(of).sum::<f64>() + later;
        self.figures.pace = pace;
        let scored = round
            .trials
            .iter()
            .filter_map(|trial| Some((results.get(&trial.id)?.top1()?, &trial.candidate.spec.name)));
        scored.for_each(|(top1, name)| self.figures.see(top1, name));
    }

    pub(super) fn begin(&mut self, trial: &Trial) {
        let own = work(trial.candidate.totals.macs, trial.id.epochs);
        self.figures.own_work = own;
        self.figures.later_work -= own;
        self.figures.name = trial.candidate.spec.name.clone();
        self.share(0.0);
    }

    pub(super) fn share(&mut self, share: f64) {
        self.figures.share = share.clamp(0.0, 1.0);
        let now = Instant::now();
        if self.teller.is_due(now) {
            self.teller.show(&self.figures.line(), now);
        }
    }

    pub(super) fn ended(&mut self, row: &Row, pace: Pace) {
        self.figures.done += 1;
        self.figures.pace = pace;
        self.figures.last = row.outcome.top1();
        if let Some(top1) = row.outcome.top1() {
            self.figures.see(top1, &row.name);
        }
        self.teller.say(&self.figures.sentence(row));
    }

    pub(super) fn finish(&mut self) {
        self.teller.clear();
    }
}

impl Figures {
    fn see(&mut self, top1: f64, name: &str) {
        if self.best.as_ref().is_none_or(|(best, _)| top1 > *best) {
            self.best = Some((top1, name.to_string()));
        }
    }

    /// What matters most comes first: a narrow terminal cuts the end off.
    fn line(&self) -> String {
        let Self { done, total, name, share, .. } = self;
        let mut line = format!("trial {}/{total}, {name}, {:.0} % of it", done + 1, 100.0 * share);
        let left = self.pace.left(self.later_work + self.own_work * (1.0 - share));
        if let Some(left) = left {
            line += &format!(", {} left", duration(left));
        }
        if let Some(top1) = self.last {
            line += &format!(", last top-1 {:.2} %", 100.0 * top1);
        }
        if let Some((top1, name)) = &self.best {
            line += &format!(", best {:.2} % ({name})", 100.0 * top1);
        }
        line
    }

    fn sentence(&self, row: &Row) -> String {
        let crate::TrialId { epochs, seed, .. } = row.trial;
        let ended = match (&row.outcome, row.outcome.top1()) {
            (_, Some(top1)) => format!("top-1 {:.2} %", 100.0 * top1),
            (crate::Outcome::Failed { reason }, _) => format!("failed: {reason}"),
            _ => "no result".to_string(),
        };
        format!("trial {}/{}: {} (epochs {epochs}, seed {seed}): {ended}", self.done, self.total, row.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let mut figures = Figures {
            total: 12,
            name: "tiny d1.00 w1.10 r32".to_string(),
            share: 0.25,
            ..Figures::default()
        };
        assert_eq!(figures.line(), "trial 1/12, tiny d1.00 w1.10 r32, 25 % of it");
        figures.done = 3;
        figures.last = Some(0.5);
        figures.see(0.5, "b");
        figures.see(0.4, "a");
        assert_eq!(
            figures.line(),
            "trial 4/12, tiny d1.00 w1.10 r32, 25 % of it, last top-1 50.00 %, best 50.00 % (b)"
        );
    }
}
