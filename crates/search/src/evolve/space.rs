//! The space: what each stage of a baseline may become (MnasNet's, Tan et al. 2019, section 4.1).
//!
//! Stages keep their number, their order, their stride and their kind of block; a stage whose expansion is 1 keeps that;
//! stem and head stay. A network is a [`Genome`]: for every stage, which of the choices it takes. Two genomes of one search
//! are two networks: values that round to the same filters or repeats are one choice, and where a residual is not possible
//! (a single block that changes the shape) the skip is the baseline's.

use efficientnet_arch::{ArchSpec, Baseline, BlockArgs};
use efficientnet_data::Random;
use serde::{Deserialize, Serialize};

use super::EvolveError;
use super::choices::{StageChoices, check, check_rows};
use crate::Space;

/// Which choice each stage takes of kernel, expansion, squeeze-and-excitation, width, depth and skip, in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Genome(Vec<[u8; 6]>);

/// The gene of the residual.
const SKIP: usize = 5;

/// A plan's [`Space`] laid over a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockSpace {
    /// The baseline at coefficients of 1: whatever it was scaled by is in its rows.
    base: ArchSpec,
    stages: Vec<StageChoices>,
    /// The genes of all stages that have more than one value.
    open: Vec<(usize, usize)>,
    own: Genome,
}

impl BlockSpace {
    /// # Errors
    /// [`EvolveError`] for a list that is empty or holds what no stage can have, for a baseline that is not made of inverted
    /// residuals, and for one that is no point of the space: the search starts from it.
    pub fn new(space: &Space, baseline: &ArchSpec) -> Result<Self, EvolveError> {
        check(space)?;
        let base = baseline.flattened()?;
        let rows = &base.baseline.rows;
        check_rows(rows)?;
        let rounding = &base.baseline.rounding;
        let stages: Vec<StageChoices> =
            rows.iter().map(|row| StageChoices::of(space, row, rounding)).collect();
        let own = genome_of(&stages, rows)?;
        let genes = |(stage, choices): (usize, &StageChoices)| {
            let counts = choices.counts().into_iter().enumerate();
            counts.filter(|(_, count)| *count > 1).map(move |(gene, _)| (stage, gene)).collect::<Vec<_>>()
        };
        let open: Vec<_> = stages.iter().enumerate().flat_map(genes).collect();
        match open.is_empty() {
            true => Err(EvolveError::NoChoice),
            false => Ok(Self { base, stages, open, own }),
        }
    }

    /// How many combinations of choices there are: no fewer than networks, since a skip may be without effect.
    pub fn size(&self) -> f64 {
        self.stages.iter().flat_map(StageChoices::counts).map(|count| count as f64).product()
    }

    /// The baseline as a point of the space.
    pub fn own(&self) -> &Genome {
        &self.own
    }

    /// A network's rows.
    pub fn rows(&self, genome: &Genome) -> Vec<BlockArgs> {
        let rows = self.base.baseline.rows.iter();
        let mut input = rows.clone().next().map_or(0, |row| row.input_filters);
        let row = |((choices, genes), row): ((&StageChoices, &[u8; 6]), &BlockArgs)| {
            let row = BlockArgs { input_filters: input, ..choices.row(*genes, row) };
            input = row.output_filters;
            row
        };
        self.stages.iter().zip(&genome.0).zip(rows).map(row).collect()
    }

    /// A network's rows as block strings.
    pub fn blocks(&self, genome: &Genome) -> Vec<String> {
        self.rows(genome).iter().map(ToString::to_string).collect()
    }

    /// The genome that has these rows.
    ///
    /// # Errors
    /// [`EvolveError::Outside`] or [`EvolveError::Rows`] where no genome has.
    pub fn genome(&self, rows: &[BlockArgs]) -> Result<Genome, EvolveError> {
        let own = &self.base.baseline.rows;
        if rows.len() != own.len() {
            let message = format!("there are {} where the baseline has {}", rows.len(), own.len());
            return Err(EvolveError::Rows(message));
        }
        let genome = self.settled(genome_of(&self.stages, rows)?);
        let differs = |(theirs, ours): &(&BlockArgs, &BlockArgs)| theirs != ours;
        match rows.iter().zip(&self.rows(&genome)).find(differs) {
            None => Ok(genome),
            Some((theirs, ours)) => Err(EvolveError::Rows(format!("`{theirs}` would have to be `{ours}`"))),
        }
    }

    /// A network, called `name`: the baseline in all that the genome does not say.
    ///
    /// # Errors
    /// [`EvolveError::Arch`] where no such network can be built.
    pub fn network(&self, genome: &Genome, name: &str) -> Result<ArchSpec, EvolveError> {
        let baseline =
            Baseline { name: name.to_string(), rows: self.rows(genome), ..self.base.baseline.clone() };
        let spec = baseline.scaled(self.base.coefficients, self.base.dropout)?;
        Ok(spec.with_in_channels(self.base.in_channels))
    }

    /// A network in which each choice is equally likely everywhere.
    pub fn random(&self, random: &mut Random) -> Genome {
        let stage = |choices: &StageChoices| choices.counts().map(|count| random.below(count) as u8);
        self.settled(Genome(self.stages.iter().map(stage).collect()))
    }

    /// Another network: one choice of one stage is taken anew. The same one where that has no effect, which is rare; then
    /// the caller asks again.
    pub fn mutated(&self, genome: &Genome, random: &mut Random) -> Genome {
        let (stage, gene) = self.open[random.below(self.open.len())];
        let others = self.stages[stage].counts()[gene] - 1;
        let mut child = genome.clone();
        let value = &mut child.0[stage][gene];
        let other = random.below(others) as u8;
        *value = if other < *value { other } else { other + 1 };
        self.settled(child)
    }

    /// With the baseline's skip where a residual is not possible.
    fn settled(&self, mut genome: Genome) -> Genome {
        let mut input = self.base.stem.conv.out_channels;
        for (stage, row) in self.rows(&genome).iter().enumerate() {
            let possible = row.repeats > 1 || (row.stride == 1 && row.output_filters == input);
            if !possible {
                genome.0[stage][SKIP] = self.own.0[stage][SKIP];
            }
            input = row.output_filters;
        }
        genome
    }
}

fn genome_of(stages: &[StageChoices], rows: &[BlockArgs]) -> Result<Genome, EvolveError> {
    let genes = |(index, (choices, row)): (usize, (&StageChoices, &BlockArgs))| {
        let outside =
            |(key, value)| EvolveError::Outside { stage: index + 1, row: row.to_string(), key, value };
        choices.genes(row).map_err(outside)
    };
    stages.iter().zip(rows).enumerate().map(genes).collect::<Result<_, _>>().map(Genome)
}
