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
use super::choices::{StageChoices, check_rows};
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
    /// `space` is that of a plan that was checked.
    ///
    /// # Errors
    /// [`EvolveError`] for a baseline that is not made of inverted residuals, for one that is no point of the space (the
    /// search starts from it), and for a space of one network.
    pub fn new(space: &Space, baseline: &ArchSpec) -> Result<Self, EvolveError> {
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use efficientnet_data::Purpose;
    use proptest::prelude::*;

    use super::*;
    use crate::NetworkKey;

    fn space_of(baseline: &str) -> BlockSpace {
        let space = Space { expand_ratio: vec![3, 4, 6, 8], ..Space::default() };
        BlockSpace::new(&space, &ArchSpec::named(baseline).unwrap()).unwrap()
    }

    fn random(seed: u64) -> Random {
        Random::new(seed, 0, 0, Purpose::Evolution)
    }

    #[test]
    fn the_baseline_is_a_point_of_its_space_at_any_scale() {
        for name in [
            "efficientnet-b0",
            "efficientnet-b3",
            "efficientnet-lite1",
            "efficientnet-edgetpu-s",
            "mobilenetv2",
        ] {
            let space = space_of(name);
            let spec = space.network(space.own(), "other").unwrap();
            assert_eq!(NetworkKey::of(&spec), NetworkKey::of(&ArchSpec::named(name).unwrap()), "{name}");
        }
    }

    /// 2 kernels, 4 expansions, 2 squeezes, 3 widths, 3 depths, 2 skips. But B0's first stage keeps its expansion, is 16 or
    /// 24 wide and 1 or 2 deep; its second is 24 or 32 wide, its last 1 or 2 deep.
    #[test]
    fn the_size_counts_what_rounding_leaves() {
        let full = 2.0 * 4.0 * 2.0 * 3.0 * 3.0 * 2.0_f64;
        let (first, two_of_three) = (2.0 * 2.0 * 2.0 * 2.0 * 2.0, full / 3.0 * 2.0);
        assert_eq!(space_of("efficientnet-b0").size(), first * two_of_three * full.powi(4) * two_of_three);
    }

    #[test]
    fn filters_round_by_the_rule_of_the_family_and_lead_to_the_next_stage() {
        let space = space_of("efficientnet-b0");
        let rows = space.rows(&Genome(vec![[1, 0, 0, 1, 1, 1]; 7]));
        let strings: Vec<String> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(strings[0], "r2_k5_s11_e1_i32_o24_noskip");
        // 1.25 times 24 filters; 0.75 times 24 would be 24 again.
        assert_eq!(strings[1], "r2_k5_s22_e3_i24_o32_noskip");
        assert_eq!(space.blocks(space.own())[1], "r2_k3_s22_e6_i16_o24_se0.25");
    }

    #[test]
    fn rows_that_are_no_network_of_the_space_are_refused() {
        let space = space_of("efficientnet-b0");
        let mut rows = space.rows(space.own());
        rows[2].kernel = 7;
        let text = space.genome(&rows).unwrap_err().to_string();
        assert_eq!(
            text,
            "stage 3 (`r2_k7_s22_e6_i24_o40_se0.25`) has kernel 7, which evolve.space.kernel does not offer; add it there"
        );
        rows[2].kernel = 5;
        rows[3].stride = 1;
        assert!(space.genome(&rows).unwrap_err().to_string().contains("would have to be"));
        rows.pop();
        assert_eq!(
            space.genome(&rows).unwrap_err().to_string(),
            "these rows are no network of the space: there are 6 where the baseline has 7"
        );
    }

    #[test]
    fn every_choice_is_drawn_and_every_mutation_reached() {
        let space = space_of("efficientnet-b0");
        let drawn: HashSet<(usize, u8)> =
            (0..200).flat_map(|seed| space.random(&mut random(seed)).0[3].into_iter().enumerate()).collect();
        assert_eq!(drawn.len(), 2 + 4 + 2 + 3 + 3 + 2);
        // In one step from B0: one other kernel, three other expansions and so on. In the first and the last stage, one block
        // that changes the shape, the skip is no choice: there B0 stays B0.
        let mut stream = random(0);
        let reached: HashSet<Genome> = (0..5000).map(|_| space.mutated(space.own(), &mut stream)).collect();
        let (first, second, full, last) = (4, 9, 10, 8);
        assert_eq!(reached.len(), first + second + 4 * full + last + 1);
    }

    proptest! {
        #[test]
        fn block_strings_and_genomes_are_one(seed: u64) {
            let space = space_of("efficientnet-b0");
            let genome = space.random(&mut random(seed));
            let rows: Vec<BlockArgs> =
                space.blocks(&genome).iter().map(|row| row.parse().unwrap()).collect();
            prop_assert_eq!(space.genome(&rows).unwrap(), genome.clone());
            let spec = space.network(&genome, "it").unwrap();
            let args: Vec<BlockArgs> = spec.stages.iter().map(|stage| stage.args.clone()).collect();
            prop_assert_eq!(args, rows);
            let strides = |spec: &ArchSpec| spec.stages.iter().map(|stage| stage.args.stride).collect::<Vec<_>>();
            prop_assert_eq!(strides(&spec), strides(&space.base));
        }

        #[test]
        fn other_genomes_are_other_networks(seed: u64) {
            let space = space_of("efficientnet-b0");
            let mut stream = random(seed);
            let parent = space.random(&mut stream);
            let child = space.mutated(&parent, &mut stream);
            let key = |genome| NetworkKey::of(&space.network(genome, "it").unwrap());
            prop_assert_eq!(key(&parent) == key(&child), parent == child);
            // Without a residual to switch on, a skip says nothing.
            let stages = space.network(&parent, "it").unwrap().stages;
            let effective = stages.iter().all(|stage| {
                let possible = stage.args.repeats > 1
                    || stage.args.stride == 1 && stage.blocks[0].in_channels() == stage.blocks[0].out_channels();
                stage.args.skip || possible
            });
            prop_assert!(effective);
        }
    }
}
