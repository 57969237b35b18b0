//! Tables 2, 3 and 7 of the paper (Tan and Le, ICML 2019; arXiv 1905.11946v5) beside our counts.
//!
//! The paper's figures stand in `figures.rs` as printed. Nothing is bent to match them: where a figure cannot come from the
//! coefficients beside it, the row says so ([`Agreement::Misprint`]); where it is merely counted or rounded otherwise, the
//! difference is there to be read.

mod figures;

use std::fmt;

use efficientnet_arch::Totals;
use serde::Serialize;

use crate::{CompoundRule, Factors, Scaler, ScalingError};
use figures::Figure;

/// A row of the paper and our count of the same network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaperRow {
    /// 2, 3 or 7.
    pub table: u8,
    /// The network, or the one that is scaled.
    pub model: &'static str,
    /// How it is scaled, in the paper's letters.
    pub scaling: &'static str,
    /// Side of the input in pixels: the published one, or 224 times r rounded.
    pub resolution: usize,
    /// Multiply-adds as the paper prints them, in thousand millions.
    pub paper_gmacs: &'static str,
    /// Our multiply-adds.
    pub macs: u64,
    /// Ours over the paper's, less one, in per cent.
    pub macs_delta_percent: f64,
    /// Whether they agree.
    pub agreement: Agreement,
    /// Parameters as the paper prints them, in millions; only Table 2 has them.
    pub paper_mparams: Option<&'static str>,
    /// Our parameters.
    pub params: u64,
    /// The same difference for the parameters.
    pub params_delta_percent: Option<f64>,
    /// ImageNet top-1 as the paper prints it, in per cent.
    pub paper_top1: &'static str,
    /// What is known about a difference.
    pub note: &'static str,
}

/// How a figure of the paper and our count stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Ours, rounded to as many digits, is the printed figure.
    ToTheDigit,
    /// It is not; the note has what is known of the reason.
    Differs,
    /// The printed figure cannot come from the printed coefficients.
    Misprint,
    /// The paper does not print the coefficients, so ours need not be its.
    NotStated,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToTheDigit => "to the digit",
            Self::Differs => "differs",
            Self::Misprint => "misprint",
            Self::NotStated => "not stated",
        })
    }
}

/// All rows of Tables 2, 3 and 7 that are networks of ours.
///
/// # Errors
/// None that a caller can bring about: every row is built by a test.
pub fn tables() -> Result<Vec<PaperRow>, ScalingError> {
    figures::FIGURES.iter().map(row).collect()
}

fn row(figure: &Figure) -> Result<PaperRow, ScalingError> {
    let scaler = Scaler::named(figure.model, CompoundRule::PAPER)?;
    let (depth, width, resolution) = figure.factors;
    let coefficients = scaler.apply(Factors { depth, width, resolution });
    let totals = scaler.base().rescaled(coefficients)?.totals()?;
    Ok(figure.beside(coefficients.resolution, &totals))
}

impl Figure {
    fn beside(&self, resolution: usize, totals: &Totals) -> PaperRow {
        let agreement = self.known.unwrap_or(match rounded(totals.macs, 1e9, self.gmacs) == self.gmacs {
            true => Agreement::ToTheDigit,
            false => Agreement::Differs,
        });
        PaperRow {
            table: self.table,
            model: self.model,
            scaling: self.scaling,
            resolution,
            paper_gmacs: self.gmacs,
            macs: totals.macs,
            macs_delta_percent: delta(totals.macs, 1e9, self.gmacs),
            agreement,
            paper_mparams: self.mparams,
            params: totals.params,
            params_delta_percent: self.mparams.map(|printed| delta(totals.params, 1e6, printed)),
            paper_top1: self.top1,
            note: self.note,
        }
    }
}

/// A count in the printed figure's unit, to as many decimals as that has.
fn rounded(count: u64, unit: f64, printed: &str) -> String {
    let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    format!("{:.decimals$}", count as f64 / unit)
}

/// To a hundredth of a per cent: the printed figures have two digits.
fn delta(count: u64, unit: f64, printed: &str) -> f64 {
    let printed: f64 = printed.parse().unwrap_or(f64::NAN);
    ((count as f64 / unit / printed - 1.0) * 1e4).round() / 1e2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_built_and_marked_for_what_it_is() {
        let rows = tables().unwrap();
        assert_eq!(
            rows.iter().map(|row| row.table).collect::<Vec<_>>().windows(2).filter(|w| w[0] != w[1]).count(),
            2
        );
        for row in &rows {
            let label =
                format!("table {} {} {}: {} %", row.table, row.model, row.scaling, row.macs_delta_percent);
            assert!(row.macs_delta_percent.is_finite() && row.paper_top1.parse::<f64>().is_ok(), "{label}");
            match row.agreement {
                Agreement::Misprint => assert!(row.macs_delta_percent.abs() > 9.0, "{label}"),
                Agreement::NotStated => assert!(row.macs_delta_percent.abs() < 12.0, "{label}"),
                _ => assert!(row.macs_delta_percent.abs() < 8.0, "{label}"),
            }
            assert!(row.agreement == Agreement::ToTheDigit || !row.note.is_empty(), "{label}");
            assert!(row.params_delta_percent.is_none_or(|delta| delta.abs() < 2.5), "{label}");
        }
    }

    /// Table 3's two ResNet-50 rows are each other's: as printed they are off by a tenth, exchanged they agree.
    #[test]
    fn resnets_depth_and_width_are_exchanged() {
        let rows = tables().unwrap();
        let find = |scaling| rows.iter().find(|r| r.model == "resnet50" && r.scaling == scaling).unwrap();
        let (depth, width) = (find("d=4"), find("w=2"));
        assert_eq!((depth.agreement, width.agreement), (Agreement::Misprint, Agreement::Misprint));
        assert!(delta(depth.macs, 1e9, width.paper_gmacs).abs() < 1.0);
        assert!(delta(width.macs, 1e9, depth.paper_gmacs).abs() < 1.0);
    }

    /// What the notes say of other coefficients.
    #[test]
    fn the_notes_are_true() {
        let gmacs = |model, depth, width, resolution: usize| {
            let spec = efficientnet_arch::ArchSpec::named(model).unwrap();
            let spec = spec.rescaled(efficientnet_arch::Coefficients { width, depth, resolution }).unwrap();
            format!("{:.2}", spec.totals().unwrap().macs as f64 / 1e9)
        };
        assert_eq!(gmacs("mobilenetv1", 1.4, 1.2, 288), "2.24");
        assert_eq!(gmacs("mobilenetv2", 1.4, 1.2, 288), "1.28");
        assert_eq!(gmacs("efficientnet-b0", 4.5, 1.0, 224), "1.83");
        assert_eq!(gmacs("efficientnet-b0", 1.0, 2.2, 224), "1.76");
        assert_eq!(gmacs("efficientnet-b0", 1.0, 1.0, 493), "1.92");
    }

    #[test]
    fn counts_are_those_of_the_reference() {
        let rows = tables().unwrap();
        let find = |table, model, scaling| {
            let row = rows.iter().find(|r| (r.table, r.model, r.scaling) == (table, model, scaling)).unwrap();
            (row.resolution, format!("{:.3}", row.macs as f64 / 1e9))
        };
        assert_eq!(find(3, "mobilenetv1", "d=1.4, w=1.2, r=1.3"), (291, "2.470".into()));
        assert_eq!(find(3, "mobilenetv2", "d=4"), (224, "1.220".into()));
        assert_eq!(find(3, "resnet50", "d=4"), (224, "14.571".into()));
        assert_eq!(find(7, "efficientnet-b0", "d=4"), (224, "1.575".into()));
        assert_eq!(find(7, "efficientnet-b0", "w=2"), (224, "1.450".into()));
        assert_eq!(find(7, "efficientnet-b0", "r=2"), (448, "1.538".into()));
        assert_eq!(find(7, "efficientnet-b0", "d=1.4, w=1.2, r=1.3"), (291, "1.800".into()));
    }
}
