//! How long a search takes on this machine: a few updates of its cheapest and of its dearest network are timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use efficientnet_runs::folder::Environment;
use efficientnet_search::{Candidate, Plan};
use efficientnet_train::{Images, Job, Leave, Place, train_quietly};

use crate::error::CliError;
use crate::interrupt;

/// A network is timed for so many updates after its first, or so long.
const UPDATES: usize = 8;
const LONGEST: Duration = Duration::from_secs(5);

/// Seconds that an image takes in training: a part that every image takes, and one for each multiply-add.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    fixed: f64,
    per_mac: f64,
}

impl Pace {
    /// The line through two measurements of (multiply-adds, seconds); through the dearer one and zero, where the line would
    /// fall or begin below zero.
    fn through(cheap: (f64, f64), dear: (f64, f64)) -> Self {
        let per_mac = (dear.1 - cheap.1) / (dear.0 - cheap.0);
        let fixed = cheap.1 - per_mac * cheap.0;
        match per_mac.is_finite() && per_mac > 0.0 && fixed >= 0.0 {
            true => Self { fixed, per_mac },
            false => Self { fixed: 0.0, per_mac: dear.1 / dear.0 },
        }
    }

    /// Seconds of one image in training.
    pub fn seconds(&self, macs: f64) -> f64 {
        self.fixed + self.per_mac * macs
    }
}

/// Times the cheapest and the dearest of some networks.
pub fn pace(
    plan: &Plan,
    candidates: &[Arc<Candidate>],
    images: &Images,
    (place, environment): (&Place, &Environment),
) -> Result<Option<Pace>, CliError> {
    let macs = |candidate: &&Arc<Candidate>| candidate.totals.macs;
    let (Some(cheap), Some(dear)) = (candidates.iter().min_by_key(macs), candidates.iter().max_by_key(macs))
    else {
        return Ok(None);
    };
    let timed = |candidate: &Arc<Candidate>| -> Result<(f64, f64), CliError> {
        let seconds = image(plan, candidate, images, (place, environment))?;
        Ok((candidate.totals.macs as f64, seconds))
    };
    Ok(Some(Pace::through(timed(cheap)?, timed(dear)?)))
}

/// Seconds of one image in training.
fn image(
    plan: &Plan,
    candidate: &Candidate,
    images: &Images,
    (place, environment): (&Place, &Environment),
) -> Result<f64, CliError> {
    let recipe = plan.recipe_for(candidate.spec.resolution())?;
    let batch = recipe.data.batch_size as f64;
    let scratch = tempfile::tempdir().map_err(|error| CliError::writing(&std::env::temp_dir(), &error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let place = Place { stop: Arc::clone(&stop), read_every: 1, ..place.clone() };
    let job = Job {
        network: Some(candidate.spec.clone()),
        images: Some(images.clone()),
        leave: Leave::Nothing,
        ..Job::new(recipe, scratch.path().join("timed"), environment.clone())
    };
    // The first update builds and reads what the others find.
    let mut updates: Vec<Instant> = Vec::new();
    let finished = train_quietly(job, &place, &mut |_| {
        updates.push(Instant::now());
        let since = updates[0].elapsed();
        if updates.len() > UPDATES || since > LONGEST || interrupt::asked() {
            stop.store(true, Ordering::SeqCst);
        }
    });
    let finished = finished?;
    if interrupt::asked() {
        return Err(CliError::Interrupted);
    }
    let update = match (updates.first(), updates.last()) {
        (Some(first), Some(last)) if updates.len() > 1 => {
            last.duration_since(*first).as_secs_f64() / (updates.len() - 1) as f64
        }
        _ => finished.spent / finished.steps.max(1) as f64,
    };
    Ok(update / batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_two_networks() {
        let pace = Pace::through((10.0, 3.0), (30.0, 5.0));
        assert_eq!(pace, Pace { fixed: 2.0, per_mac: 0.1 });
        assert_eq!(pace.seconds(20.0), 4.0);
    }

    #[test]
    fn noise_gives_no_nonsense() {
        // One network alone, a dearer one that was faster, and a line that begins below zero.
        for (cheap, dear) in
            [((10.0, 1.0), (10.0, 1.0)), ((10.0, 2.0), (20.0, 1.0)), ((10.0, 1.0), (20.0, 4.0))]
        {
            let pace = Pace::through(cheap, dear);
            assert_eq!(pace, Pace { fixed: 0.0, per_mac: dear.1 / dear.0 });
        }
    }
}
