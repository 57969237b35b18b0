//! Regularised evolution and its control as one strategy.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use efficientnet_arch::ArchSpec;
use efficientnet_data::{Purpose, Random};

use super::history::{Arm, Member, Score, mean_top1};
use super::random::ATTEMPTS;
use super::{BlockSpace, Entry, EvolveError, Genome, History, Objective};
use crate::strategy::trials;
use crate::{Candidate, CostOf, Evolve, NetworkKey, Outcome, Plan, Results, Round, Strategy, Task, TrialId};

/// After so many children that were known, one more mutation is made of the parent.
const ATTEMPTS_A_STEP: usize = 16;

/// The strategy of [`Evolve`].
pub struct Evolution<'a> {
    plan: Evolve,
    epochs: u64,
    seeds: Vec<u64>,
    space: BlockSpace,
    /// What names begin with.
    name: String,
    cost: RefCell<CostOf<'a>>,
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

impl<'a> Evolution<'a> {
    /// The search that `plan` describes. `cost` says what a network costs by the plan's measure.
    ///
    /// # Errors
    /// [`EvolveError`] for a plan of another task, for numbers or a space that make no search, and where the baseline's cost
    /// cannot be had.
    pub fn new(plan: &Plan, cost: CostOf<'a>) -> Result<Self, EvolveError> {
        plan.check()?;
        let Task::Evolve(task) = &plan.task else {
            return Err(EvolveError::NoEvolution(plan.name.clone()));
        };
        let mut evolution = Self {
            plan: task.clone(),
            epochs: plan.proxy.epochs,
            seeds: plan.proxy.seeds.clone(),
            space: BlockSpace::new(&task.space, plan.base())?,
            name: plan.base().baseline.name.clone(),
            cost: RefCell::new(cost),
            objective: Objective { target_cost: 1.0, exponent: task.exponent },
            baseline_cost: 1.0,
            known: RefCell::default(),
        };
        let own = evolution.known(evolution.space.own())?;
        evolution.baseline_cost = own.cost;
        evolution.objective.target_cost = task.target * own.cost;
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
        let cost = (self.cost.borrow_mut())(&spec, &totals).map_err(failed)?;
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

impl Strategy for Evolution<'_> {
    fn round(&self, results: &Results) -> Result<Option<Round>, String> {
        let replay = self.replay(results).map_err(|error| error.to_string())?;
        if !replay.pending {
            return Ok(None);
        }
        let latest = replay.evolution.latest().iter().chain(replay.random.latest());
        let mut seen = HashSet::new();
        let different = latest.filter(|member| seen.insert(member.key));
        let candidate = |member: &Member| self.candidate(&member.genome).map(Arc::new);
        let candidates: Result<Vec<_>, _> = different.map(candidate).collect();
        let trials = trials(&candidates.map_err(|error| error.to_string())?, self.epochs, &self.seeds);
        let to_come = |arm: &Arm| self.plan.networks.saturating_sub(arm.members.len());
        let networks = to_come(&replay.evolution) + to_come(&replay.random);
        let later = networks as u64 * self.seeds.len() as u64;
        Ok(Some(Round { trials, later, later_epochs: later * self.epochs }))
    }
}
