//! Compound scaling (section 3 of the paper): a [`Baseline`] and three coefficients give an [`ArchSpec`].

use serde::{Deserialize, Serialize};

use crate::{
    ArchError, ArchSpec, Baseline, Block, BlockArgs, BlockKind, ConvUnit, FilterRule, Residual,
    SqueezeExcite, Stage, Stem, round_filters, round_repeats,
};

/// How a network departs from its baseline. The paper's d, w and r are `depth`, `width` and `resolution` over the
/// baseline's 224 px.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// Multiplies the filters.
    pub width: f64,
    /// Multiplies the repeats.
    pub depth: f64,
    /// Side of the square input in pixels.
    pub resolution: usize,
}

impl Coefficients {
    /// The baseline itself at `resolution` pixels.
    pub fn unscaled(resolution: usize) -> Self {
        Self { width: 1.0, depth: 1.0, resolution }
    }

    fn check(&self) -> Result<(), ArchError> {
        multiplier("width", self.width)?;
        multiplier("depth", self.depth)?;
        within("resolution", self.resolution, 1, 8192, "1 to 8192 pixels")
    }
}

/// What a baseline's numbers become at some coefficients. Two points of a search whose `Realised` are equal are the same
/// network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Realised {
    /// Filters of the first convolution.
    pub stem: usize,
    /// One for each row of the baseline.
    pub rows: Vec<RealisedRow>,
    /// Filters of the last 1x1 convolution, where the family has one.
    pub head: Option<usize>,
    /// Side of the square input in pixels.
    pub resolution: usize,
}

/// What a row of the baseline becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RealisedRow {
    /// Number of blocks.
    pub repeats: usize,
    /// See [`BlockArgs::input_filters`].
    pub input_filters: usize,
    /// See [`BlockArgs::output_filters`].
    pub output_filters: usize,
}

fn multiplier(what: &'static str, value: f64) -> Result<(), ArchError> {
    let inside = value > 0.0 && value <= 50.0; // false for NaN, too
    let error = || ArchError::OutOfRange { what, value: value.to_string(), range: "0 (not included) to 50" };
    inside.then_some(()).ok_or_else(error)
}

fn within(
    what: &'static str,
    value: usize,
    low: usize,
    high: usize,
    range: &'static str,
) -> Result<(), ArchError> {
    let error = || ArchError::OutOfRange { what, value: value.to_string(), range };
    (low..=high).contains(&value).then_some(()).ok_or_else(error)
}

impl Baseline {
    /// Scales the design. `dropout` is the probability before the classifier, which the published models raise with
    /// their size.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] for a coefficient that no network can be built with.
    pub fn scaled(&self, coefficients: Coefficients, dropout: f64) -> Result<ArchSpec, ArchError> {
        let Realised { stem, rows, head, .. } = self.realised(coefficients)?;
        let blocks = rows.iter().map(|row| row.repeats).sum();
        let mut drop_path = DropPath { rate: self.drop_path, block: 0, blocks };

        let mut channels = stem;
        let mut stages = Vec::with_capacity(rows.len());
        for (row, realised) in self.rows.iter().zip(rows) {
            let RealisedRow { repeats, input_filters, output_filters } = realised;
            let args = BlockArgs { repeats, input_filters, output_filters, ..row.clone() };
            let stage = build_stage(args, channels, &mut drop_path);
            channels = stage.blocks.last().map_or(channels, Block::out_channels);
            stages.push(stage);
        }

        let head = head.map(|filters| conv("head", channels, filters, 1, 1, true));
        Ok(ArchSpec {
            name: self.name.clone(),
            baseline: self.clone(),
            coefficients,
            in_channels: 3,
            num_classes: self.num_classes,
            padding: self.padding,
            batch_norm: self.batch_norm,
            activation: self.activation,
            stem: Stem {
                conv: conv("stem", 3, stem, self.stem_kernel, 2, true),
                max_pool: self.stem_max_pool,
            },
            stages,
            head,
            dropout,
        })
    }

    /// The numbers that scaling and rounding come to, without building the network.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] for a coefficient that no network can be built with.
    pub fn realised(&self, coefficients: Coefficients) -> Result<Realised, ArchError> {
        coefficients.check()?;
        let Coefficients { width, depth, resolution } = coefficients;
        let row = |(index, row): (usize, &BlockArgs)| RealisedRow {
            repeats: self.repeats(index, depth),
            input_filters: self.filters(row.input_filters, width),
            output_filters: self.filters(row.output_filters, width),
        };
        let rows: Vec<RealisedRow> = self.rows.iter().enumerate().map(row).collect();
        let blocks = rows.iter().map(|row| row.repeats).sum();
        within("number of blocks", blocks, 1, 10_000, "1 to 10000")?;
        Ok(Realised {
            stem: self.filters_by(self.stem_filters, self.stem_rule, width),
            rows,
            head: self.head.map(|(filters, rule)| self.filters_by(filters, rule, width)),
            resolution,
        })
    }

    fn filters(&self, filters: usize, width: f64) -> usize {
        round_filters(filters, width, self.rounding.divisor, self.rounding.floor)
    }

    fn filters_by(&self, filters: usize, rule: FilterRule, width: f64) -> usize {
        match rule {
            FilterRule::Scaled => self.filters(filters, width),
            FilterRule::Fixed => filters,
            FilterRule::AtLeast => self.filters(filters, width).max(filters),
        }
    }

    fn repeats(&self, row: usize, depth: f64) -> usize {
        let is_end = row == 0 || row + 1 == self.rows.len();
        let repeats = self.rows[row].repeats;
        if self.rounding.fixed_ends && is_end { repeats } else { round_repeats(repeats, depth) }
    }
}

impl ArchSpec {
    /// The same baseline with other coefficients. The name says which, and number of classes, input channels, padding and
    /// constants stay.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] for a coefficient that no network can be built with.
    pub fn rescaled(&self, coefficients: Coefficients) -> Result<ArchSpec, ArchError> {
        let mut spec = self.baseline.scaled(coefficients, self.dropout)?.with_in_channels(self.in_channels);
        spec.num_classes = self.num_classes;
        spec.padding = self.padding;
        spec.batch_norm = self.batch_norm;
        let Coefficients { width, depth, .. } = coefficients;
        let unchanged = width == self.coefficients.width && depth == self.coefficients.depth;
        spec.name = match unchanged {
            true => self.name.clone(),
            false => format!("{}(width {width}, depth {depth})", self.baseline.name),
        };
        Ok(spec)
    }

    /// The same network as a baseline of its own: what scaling made of the rows, the stem and the head is written into them,
    /// width and depth are 1. Scaling it further rounds from the rounded numbers.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] where the network itself cannot be built.
    pub fn flattened(&self) -> Result<ArchSpec, ArchError> {
        let Realised { stem, head, .. } = self.baseline.realised(self.coefficients)?;
        let baseline = Baseline {
            stem_filters: stem,
            rows: self.stages.iter().map(|stage| stage.args.clone()).collect(),
            head: head.zip(self.baseline.head).map(|(filters, (_, rule))| (filters, rule)),
            padding: self.padding,
            batch_norm: self.batch_norm,
            num_classes: self.num_classes,
            ..self.baseline.clone()
        };
        let spec = baseline.scaled(Coefficients::unscaled(self.resolution()), self.dropout)?;
        Ok(ArchSpec { name: self.name.clone(), ..spec.with_in_channels(self.in_channels) })
    }

    /// Checks the numbers that [`ArchSpec::with_classes`] and [`ArchSpec::with_in_channels`] take on trust.
    ///
    /// # Errors
    /// [`ArchError::OutOfRange`] where no classifier or stem can be built.
    pub fn checked(self) -> Result<ArchSpec, ArchError> {
        self.check()?;
        Ok(self)
    }

    pub(crate) fn check(&self) -> Result<(), ArchError> {
        within("number of classes", self.num_classes, 1, 10_000_000, "1 to 10000000")?;
        within("number of input channels", self.in_channels, 1, 4096, "1 to 4096")
    }
}

/// `rate * index / blocks`: the first block is never dropped, the last one a little less than `rate`.
struct DropPath {
    rate: f64,
    block: usize,
    blocks: usize,
}

impl DropPath {
    fn next(&mut self) -> f64 {
        let rate = self.rate * self.block as f64 / self.blocks as f64;
        self.block += 1;
        rate
    }
}

fn conv(
    role: &str,
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
    stride: usize,
    act: bool,
) -> ConvUnit {
    ConvUnit { role: role.into(), in_channels, out_channels, kernel, stride, groups: 1, act }
}

fn depthwise(channels: usize, kernel: usize, stride: usize) -> ConvUnit {
    ConvUnit { groups: channels, ..conv("depthwise", channels, channels, kernel, stride, true) }
}

/// `channels` is what really comes in; the row's declared input filters decide the expansion and the squeeze.
fn build_stage(args: BlockArgs, mut channels: usize, drop_path: &mut DropPath) -> Stage {
    let mut blocks = Vec::with_capacity(args.repeats);
    for repeat in 0..args.repeats {
        let first = repeat == 0;
        let stride = if first { args.stride } else { 1 };
        let declared = if first { args.input_filters } else { channels };
        let block = build_block(&args, channels, declared, stride, drop_path.next());
        channels = block.out_channels();
        blocks.push(block);
    }
    Stage { args, blocks }
}

fn build_block(args: &BlockArgs, input: usize, declared: usize, stride: usize, drop_path: f64) -> Block {
    let (k, out) = (args.kernel, args.output_filters);
    let expanded = declared * args.expand_ratio;
    let is_resnet = matches!(args.kind, BlockKind::Basic | BlockKind::Bottleneck);
    let units = match args.kind {
        BlockKind::MbConv if args.expand_ratio == 1 => {
            vec![depthwise(input, k, stride), conv("project", input, out, 1, 1, false)]
        }
        BlockKind::MbConv => vec![
            conv("expand", input, expanded, 1, 1, true),
            depthwise(expanded, k, stride),
            conv("project", expanded, out, 1, 1, false),
        ],
        BlockKind::FusedMbConv if args.expand_ratio == 1 => vec![conv("fused", input, out, k, stride, true)],
        BlockKind::FusedMbConv => {
            vec![conv("fused", input, expanded, k, stride, true), conv("project", expanded, out, 1, 1, false)]
        }
        BlockKind::Separable => {
            vec![depthwise(input, k, stride), conv("project", input, out, 1, 1, true)]
        }
        BlockKind::Basic => {
            vec![conv("conv1", input, out, k, stride, true), conv("conv2", out, out, k, 1, false)]
        }
        BlockKind::Bottleneck => vec![
            conv("conv1", input, out, 1, 1, true),
            conv("conv2", out, out, k, stride, true),
            conv("conv3", out, out * args.expand_ratio, 1, 1, false),
        ],
    };
    // Everything but the projection is gated (official code: after the depthwise convolution's activation).
    let se = args.se_ratio.map(|ratio| {
        let after = units.iter().rposition(|unit| unit.role != "project").unwrap_or(0);
        let squeezed = SqueezeExcite::squeezed(declared, ratio);
        SqueezeExcite { after, channels: units[after].out_channels, squeezed }
    });
    let out = units[units.len() - 1].out_channels;
    let same_shape = stride == 1 && input == out;
    let residual = match (args.skip, same_shape, is_resnet) {
        (false, ..) | (true, false, false) => Residual::None,
        (true, true, _) => Residual::Identity,
        (true, false, true) => Residual::Projection(conv("shortcut", input, out, 1, stride, false)),
    };
    Block { units, se, residual, act_after_add: is_resnet, drop_path }
}
