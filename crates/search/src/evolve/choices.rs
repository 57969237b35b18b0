//! What each stage may be, rounded.

use efficientnet_arch::{BlockArgs, BlockKind, Rounding, round_filters};

use super::EvolveError;
use crate::Space;

/// The different values of one stage, rounded: where 0.75 and 1 of 16 filters are both 16, that is one choice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StageChoices {
    pub kernel: Vec<usize>,
    pub expand_ratio: Vec<usize>,
    pub se_ratio: Vec<Option<f64>>,
    pub filters: Vec<usize>,
    pub repeats: Vec<usize>,
    pub skip: Vec<bool>,
}

impl StageChoices {
    /// Those of a stage whose row is `row` in the baseline.
    pub fn of(space: &Space, row: &BlockArgs, rounding: &Rounding) -> Self {
        let filters =
            |multiple: &f64| round_filters(row.output_filters, *multiple, rounding.divisor, rounding.floor);
        let repeats = |more: &i64| row.repeats.saturating_add_signed(*more as isize).max(1);
        Self {
            kernel: space.kernel.clone(),
            expand_ratio: if row.expand_ratio == 1 { vec![1] } else { space.expand_ratio.clone() },
            se_ratio: space.se_ratio.iter().map(|ratio| Some(*ratio).filter(|ratio| *ratio > 0.0)).collect(),
            filters: different(space.width.iter().map(filters)),
            repeats: different(space.depth.iter().map(repeats)),
            skip: space.skip.clone(),
        }
    }

    /// How many values each of the six genes has, in their order.
    pub fn counts(&self) -> [usize; 6] {
        [
            self.kernel.len(),
            self.expand_ratio.len(),
            self.se_ratio.len(),
            self.filters.len(),
            self.repeats.len(),
            self.skip.len(),
        ]
    }

    /// Which values `row` has; the key and the value of the first that is not among the choices.
    pub fn genes(&self, row: &BlockArgs) -> Result<[u8; 6], (&'static str, String)> {
        Ok([
            place("kernel", &self.kernel, row.kernel, row.kernel)?,
            place("expand_ratio", &self.expand_ratio, row.expand_ratio, row.expand_ratio)?,
            place("se_ratio", &self.se_ratio, row.se_ratio, row.se_ratio.unwrap_or(0.0))?,
            place("width", &self.filters, row.output_filters, format!("{} filters", row.output_filters))?,
            place("depth", &self.repeats, row.repeats, format!("{} blocks", row.repeats))?,
            place("skip", &self.skip, row.skip, row.skip)?,
        ])
    }

    /// `row` with other values; its input filters are left to the caller.
    pub fn row(&self, [kernel, expand, se, filters, repeats, skip]: [u8; 6], row: &BlockArgs) -> BlockArgs {
        BlockArgs {
            kernel: self.kernel[usize::from(kernel)],
            expand_ratio: self.expand_ratio[usize::from(expand)],
            se_ratio: self.se_ratio[usize::from(se)],
            output_filters: self.filters[usize::from(filters)],
            repeats: self.repeats[usize::from(repeats)],
            skip: self.skip[usize::from(skip)],
            ..row.clone()
        }
    }
}

fn place<T: PartialEq>(
    key: &'static str,
    values: &[T],
    value: T,
    shown: impl ToString,
) -> Result<u8, (&'static str, String)> {
    let index = values.iter().position(|known| *known == value).and_then(|index| u8::try_from(index).ok());
    index.ok_or_else(|| (key, shown.to_string()))
}

fn different<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut seen, value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
        seen
    })
}

/// Whether the space can be laid over these rows; `stem` is what enters the first.
pub(super) fn check_rows(rows: &[BlockArgs]) -> Result<(), EvolveError> {
    let mut before = None;
    for (index, row) in rows.iter().enumerate() {
        let wrong = |reason| EvolveError::Stage { stage: index + 1, row: row.to_string(), reason };
        if !matches!(row.kind, BlockKind::MbConv | BlockKind::FusedMbConv) {
            return Err(wrong(
                "is no inverted residual; the space is one of these, so take another baseline",
            ));
        }
        if before.is_some_and(|filters| filters != row.input_filters) {
            return Err(wrong(
                "declares other input filters than the stage before it puts out; let them agree",
            ));
        }
        before = Some(row.output_filters);
    }
    Ok(())
}
