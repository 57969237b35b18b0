//! Regularised evolution and its control as one strategy.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use efficientnet_arch::{ArchSpec, Totals};
use efficientnet_data::{Purpose, Random};

use super::check::check;
use super::history::{Arm, Member, Score, mean_top1};
use super::random::ATTEMPTS;
use super::{BlockSpace, Entry, EvolveError, Genome, History, Objective};
use crate::{Candidate, Evolve, NetworkKey, Outcome, Proxy, Results, Round, Strategy, Trial, TrialId};

/// After so many children that were known, one more mutation is made of the parent.
const ATTEMPTS_A_STEP: usize = 16;

/// A network's cost in the plan's measure: a count, or predicted milliseconds. A sentence where it cannot be had.
pub type CostOf = Box<dyn Fn(&ArchSpec, &Totals) -> Result<f64, String>>;

/// The strategy of [`Evolve`].
pub struct Evolution {
    plan: Evolve,
    epochs: u64,
    seeds: Vec<u64>,
    space: BlockSpace,
    /// What names begin with.
    name: String,
    cost: CostOf,
    objective: Objective,
    baseline_cost: f64,
    /// What is known of a genome without results, so that going through the history again costs nothing.
    known: RefCell<HashMap<Genome, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    key: NetworkKey,
    cost: f64,
}

/// Both searches as far as the results go.
pub(super) struct Replay {
    evolution: Arm,
    random: Arm,
    /// Whether the last round is not known completely.
    pending: bool,
}

impl Evolution {
    /// The search that `plan` describes, from `baseline` at the resolution that it is trained at.
    ///
    /// # Errors
    /// [`EvolveError`] for numbers or a space that make no search, and where the baseline's cost cannot be had.
    pub fn new(plan: &Evolve, proxy: &Proxy, baseline: &ArchSpec, cost: CostOf) -> Result<Self, EvolveError> {
        check(plan, proxy)?;
        let mut evolution = Self {
            plan: plan.clone(),
            epochs: proxy.epochs,
            seeds: proxy.seeds.clone(),
            space: BlockSpace::new(&plan.space, baseline)?,
            name: baseline.baseline.name.clone(),
            cost,
            objective: Objective { target_cost: 1.0, exponent: plan.exponent },
            baseline_cost: 1.0,
            known: RefCell::default(),
        };
        let own = evolution.known(evolution.space.own())?;
        evolution.baseline_cost = own.cost;
        evolution.objective.target_cost = plan.target * own.cost;
        Ok(evolution)
    }

    /// The plan's table.
    pub fn plan(&self) -> &Evolve {
        &self.plan
    }

    /// What is searched.
    pub fn space(&self) -> &BlockSpace {
        &self.space
    }

    /// How networks are judged.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// What the baseline costs.
    pub fn baseline_cost(&self) -> f64 {
        self.baseline_cost
    }

    /// A network of the space with what it costs.
    ///
    /// # Errors
    /// [`EvolveError::Arch`] or [`EvolveError::Cost`] where one of the two cannot be had.
    pub fn candidate(&self, genome: &Genome) -> Result<Candidate, EvolveError> {
        let spec = self.space.network(genome, &self.name)?;
        let name = self.name_of(NetworkKey::of(&spec), genome);
        let spec = ArchSpec { name, ..spec };
        let totals = spec.totals()?;
        let failed = |reason| EvolveError::Cost { network: spec.name.clone(), reason };
        let cost = (self.cost)(&spec, &totals).map_err(failed)?;
        match cost > 0.0 && cost.is_finite() {
            true => Ok(Candidate { spec, totals, cost }),
            false => Err(failed(format!("it came to {cost}, which is no cost"))),
        }
    }

    /// What both searches came to, evolution first. Rewards of networks whose trials have not all ended are absent.
    ///
    /// # Errors
    /// [`EvolveError`] where a network's cost cannot be had, or the whole first population failed.
    pub fn histories(&self, results: &Results) -> Result<Vec<History>, EvolveError> {
        let Replay { evolution, random, .. } = self.replay(results)?;
        let entries = |arm: Arm| arm.members.into_iter().map(|member| self.entry(member)).collect();
        Ok(vec![
            History { name: "evolution", entries: entries(evolution) },
            History { name: "random", entries: entries(random) },
        ])
    }

    fn entry(&self, Member { genome, key, cost, parent, round, score }: Member) -> Entry {
        Entry {
            key,
            name: self.name_of(key, &genome),
            blocks: self.space.blocks(&genome),
            genome,
            parent,
            round,
            reward: score.as_ref().map(|score| score.reward),
            top1: score.as_ref().and_then(Score::top1),
            seeds: score.map(|score| score.seeds).unwrap_or_default(),
            cost,
        }
    }

    fn name_of(&self, key: NetworkKey, genome: &Genome) -> String {
        match genome == self.space.own() {
            true => self.name.clone(),
            false => format!("{}-{:.6}", self.name, key.to_string()),
        }
    }

    fn replay(&self, results: &Results) -> Result<Replay, EvolveError> {
        let evolution = self.first_population()?;
        let random = evolution.clone();
        let mut replay = Replay { evolution, random, pending: true };
        for round in 1.. {
            // Both, whatever comes of the first.
            let known = [&mut replay.evolution, &mut replay.random].map(|arm| self.judge(arm, results));
            if known.contains(&false) {
                return Ok(replay);
            }
            if round == 1 {
                self.check_first(&replay.evolution, results)?;
            }
            self.breed_round(&mut replay.evolution, round)?;
            self.draw_round(&mut replay.random, round)?;
            if replay.evolution.latest().is_empty() && replay.random.latest().is_empty() {
                break;
            }
        }
        Ok(Replay { pending: false, ..replay })
    }

    /// The children of a round.
    fn breed_round(&self, arm: &mut Arm, round: u64) -> Result<(), EvolveError> {
        arm.begin_round();
        let children = self.plan.children.min(self.plan.networks.saturating_sub(arm.members.len()));
        for child in 0..children {
            self.breed(arm, round, child as u64)?;
        }
        Ok(())
    }

    /// A mutation of the best of a few that are drawn from the population, with replacement as in Real et al.; the first
    /// drawn where several are as good. Where all its neighbours are known, what lies further away.
    fn breed(&self, arm: &mut Arm, round: u64, child: u64) -> Result<(), EvolveError> {
        let mut random = Random::new(self.plan.seed, round, child, Purpose::Evolution);
        let population = arm.population(self.plan.population);
        let mut parent = &population[random.below(population.len())];
        for _ in 1..self.plan.sample {
            let rival = &population[random.below(population.len())];
            if reward(rival) > reward(parent) {
                parent = rival;
            }
        }
        let (key, genome) = (parent.key, parent.genome.clone());
        for attempt in 0..ATTEMPTS {
            let mut mutant = genome.clone();
            for _ in 0..=attempt / ATTEMPTS_A_STEP {
                mutant = self.space.mutated(&mutant, &mut random);
            }
            if arm.add(self.member(mutant, Some(key), round)?) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn member(
        &self,
        genome: Genome,
        parent: Option<NetworkKey>,
        round: u64,
    ) -> Result<Member, EvolveError> {
        let Known { key, cost } = self.known(&genome)?;
        Ok(Member { genome, key, cost, parent, round, score: None })
    }

    fn known(&self, genome: &Genome) -> Result<Known, EvolveError> {
        if let Some(known) = self.known.borrow().get(genome) {
            return Ok(*known);
        }
        let candidate = self.candidate(genome)?;
        let known = Known { key: NetworkKey::of(&candidate.spec), cost: candidate.cost };
        self.known.borrow_mut().insert(genome.clone(), known);
        Ok(known)
    }

    fn id(&self, network: NetworkKey, seed: u64) -> TrialId {
        TrialId { network, epochs: self.epochs, seed }
    }

    /// Writes down what the latest networks are worth; false where a trial of one has not ended.
    fn judge(&self, arm: &mut Arm, results: &Results) -> bool {
        let latest = arm.members[arm.round_start..].iter_mut();
        // No short cut: the report shows what is known of a round that has not ended.
        latest.fold(true, |all, member| {
            member.score = self.score(member.key, member.cost, results);
            all & member.score.is_some()
        })
    }

    fn score(&self, key: NetworkKey, cost: f64, results: &Results) -> Option<Score> {
        let outcome = |seed: &u64| results.get(&self.id(key, *seed)).map(Outcome::top1);
        let seeds: Vec<Option<f64>> = self.seeds.iter().map(outcome).collect::<Option<_>>()?;
        Some(Score { reward: self.objective.reward(mean_top1(&seeds), cost), seeds })
    }

    /// A population in which nothing could be trained leaves nothing to choose by.
    fn check_first(&self, arm: &Arm, results: &Results) -> Result<(), EvolveError> {
        let lives = |member: &Member| member.score.as_ref().is_some_and(|score| score.top1().is_some());
        let first = arm.members.first().and_then(|member| results.get(&self.id(member.key, self.seeds[0])));
        match first {
            Some(Outcome::Failed { reason }) if !arm.members.iter().any(lives) => {
                Err(EvolveError::AllFailed { name: self.name.clone(), reason: reason.clone() })
            }
            _ => Ok(()),
        }
    }
}

fn reward(member: &Member) -> f64 {
    member.score.as_ref().map_or(0.0, |score| score.reward)
}

impl Strategy for Evolution {
    fn round(&self, results: &Results) -> Result<Option<Round>, String> {
        let replay = self.replay(results).map_err(|error| error.to_string())?;
        if !replay.pending {
            return Ok(None);
        }
        let latest = replay.evolution.latest().iter().chain(replay.random.latest());
        let mut seen = HashSet::new();
        let mut trials = Vec::new();
        for member in latest.filter(|member| seen.insert(member.key)) {
            let candidate = Arc::new(self.candidate(&member.genome).map_err(|error| error.to_string())?);
            let trial = |seed: &u64| Trial { id: self.id(member.key, *seed), candidate: candidate.clone() };
            trials.extend(self.seeds.iter().map(trial));
        }
        let to_come = |arm: &Arm| self.plan.networks.saturating_sub(arm.members.len());
        let later = (to_come(&replay.evolution) + to_come(&replay.random)) * self.seeds.len();
        let later_epochs = later as u64 * trials.first().map_or(0, |trial| trial.id.epochs);
        Ok(Some(Round { trials, later: later as u64, later_epochs }))
    }
}
