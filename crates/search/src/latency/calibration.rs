//! The networks that are measured so that others need not be.
//!
//! They lie around the network that is asked about: each dimension of compound scaling alone, two networks of the paper's rule,
//! and the choices that a search for a baseline has (the other kernel, half the expansion, with and without
//! squeeze-and-excitation).

use std::collections::HashSet;

use efficientnet_arch::{ArchSpec, Baseline, BlockArgs, BlockKind};
use efficientnet_scaling::{CompoundRule, Factors, Scaler, ScalingError};

use crate::NetworkKey;

/// A network to be measured, and in what it departs from the one that it is made of. Networks of one group are alike: a fit
/// says something of networks unlike its own only where it is made without the whole group.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// The network.
    pub spec: ArchSpec,
    /// `itself`, `depth`, `width`, `resolution`, `compound` or `blocks`; or, of networks that were named, their name.
    pub group: String,
}

/// Groups and factors on depth, width and resolution.
const SCALINGS: [(&str, [f64; 3]); 11] = [
    ("itself", [1.0, 1.0, 1.0]),
    ("depth", [1.4, 1.0, 1.0]),
    ("depth", [2.0, 1.0, 1.0]),
    ("width", [1.0, 0.75, 1.0]),
    ("width", [1.0, 1.4, 1.0]),
    ("width", [1.0, 2.0, 1.0]),
    ("resolution", [1.0, 1.0, 0.6]),
    ("resolution", [1.0, 1.0, 0.75]),
    ("resolution", [1.0, 1.0, 1.4]),
    ("compound", [1.2, 1.1, 1.15]),
    ("compound", [1.4, 1.2, 1.3]),
];

/// Networks around one, that one first; each once.
///
/// # Errors
/// [`ScalingError`] where a scaling of it cannot be built.
pub fn around(spec: &ArchSpec) -> Result<Vec<Specimen>, ScalingError> {
    let scaler = Scaler::new(spec.clone(), CompoundRule::PAPER)?;
    let specimen = |(group, factors): &(&str, [f64; 3])| -> Result<Specimen, ScalingError> {
        Ok(Specimen { spec: scaled(&scaler, *factors)?, group: (*group).to_string() })
    };
    let mut all = SCALINGS.iter().map(specimen).collect::<Result<Vec<_>, _>>()?;
    all.extend(variants(spec)?.into_iter().map(|spec| Specimen { spec, group: "blocks".to_string() }));
    let mut seen = HashSet::new();
    all.retain(|specimen| seen.insert(NetworkKey::of(&specimen.spec)));
    Ok(all)
}

/// A scaling, named for what is scaled.
fn scaled(scaler: &Scaler, [depth, width, resolution]: [f64; 3]) -> Result<ArchSpec, ScalingError> {
    let base = scaler.base();
    if [depth, width, resolution] == [1.0; 3] {
        return Ok(base.clone());
    }
    let coefficients = scaler.apply(Factors { depth, width, resolution });
    let mut parts = Vec::new();
    if depth != 1.0 {
        parts.push(format!("d {depth}"));
    }
    if width != 1.0 {
        parts.push(format!("w {width}"));
    }
    if coefficients.resolution != base.resolution() {
        parts.push(format!("{} px", coefficients.resolution));
    }
    let name = format!("{}({})", base.name, parts.join(", "));
    Ok(ArchSpec { name, ..base.rescaled(coefficients)? })
}

/// What another network's rows are made by.
type Change<'a> = &'a dyn Fn(&mut BlockArgs);

/// The network with other inverted residuals; none where it has none.
fn variants(spec: &ArchSpec) -> Result<Vec<ArchSpec>, ScalingError> {
    let flat = spec.flattened()?;
    if !flat.baseline.rows.iter().any(is_inverted) {
        return Ok(Vec::new());
    }
    let has_se = flat.baseline.rows.iter().any(|row| row.se_ratio.is_some());
    let se_ratio = if has_se { None } else { Some(0.25) };
    let kinds: [(&str, Change<'_>); 3] = [
        ("other kernels", &|row: &mut BlockArgs| row.kernel = if row.kernel > 3 { 3 } else { 5 }),
        ("half the expansion", &|row: &mut BlockArgs| row.expand_ratio = row.expand_ratio.div_ceil(2)),
        (if has_se { "no se" } else { "se 0.25" }, &|row: &mut BlockArgs| row.se_ratio = se_ratio),
    ];
    let variant = |(word, change): (&str, Change<'_>)| -> Result<ArchSpec, ScalingError> {
        let mut rows = flat.baseline.rows.clone();
        rows.iter_mut().filter(|row| is_inverted(row)).for_each(change);
        let baseline = Baseline { rows, ..flat.baseline.clone() };
        let other = baseline.scaled(flat.coefficients, flat.dropout)?.with_in_channels(flat.in_channels);
        Ok(ArchSpec { name: format!("{}({word})", spec.name), ..other })
    };
    kinds.into_iter().map(variant).collect()
}

fn is_inverted(row: &BlockArgs) -> bool {
    matches!(row.kind, BlockKind::MbConv | BlockKind::FusedMbConv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_around_one_are_different_and_named_for_what_is_different() {
        let base = ArchSpec::named("efficientnet-b0").unwrap();
        let all = around(&base).unwrap();
        let names: Vec<&str> = all.iter().map(|specimen| specimen.spec.name.as_str()).collect();
        assert_eq!(names[..3], ["efficientnet-b0", "efficientnet-b0(d 1.4)", "efficientnet-b0(d 2)"]);
        assert_eq!(names[10], "efficientnet-b0(d 1.4, w 1.2, 291 px)");
        assert_eq!(
            names[11..],
            [
                "efficientnet-b0(other kernels)",
                "efficientnet-b0(half the expansion)",
                "efficientnet-b0(no se)"
            ]
        );
        let keys: HashSet<NetworkKey> = all.iter().map(|specimen| NetworkKey::of(&specimen.spec)).collect();
        assert_eq!(keys.len(), all.len());
        let groups: HashSet<&str> = all.iter().map(|specimen| specimen.group.as_str()).collect();
        assert_eq!(groups.len(), 6);
    }

    #[test]
    fn what_blocks_may_be_depends_on_the_family() {
        let count = |name: &str| around(&ArchSpec::named(name).unwrap()).unwrap().len();
        // ResNet and MobileNetV1 have no expansion to halve.
        assert_eq!([count("resnet50"), count("mobilenetv1")], [11, 11]);
        let lite = around(&ArchSpec::named("efficientnet-lite0").unwrap()).unwrap();
        let with_se = lite.last().unwrap();
        assert!(with_se.spec.name.ends_with("(se 0.25)"), "{}", with_se.spec.name);
        assert!(with_se.spec.blocks().all(|block| block.se.is_some()));
        let scaled = around(&ArchSpec::named("efficientnet-b2").unwrap()).unwrap();
        let kernels = &scaled[11].spec;
        let depth = |spec: &ArchSpec| spec.blocks().count();
        assert_eq!((kernels.resolution(), depth(kernels)), (260, depth(&scaled[0].spec)));
    }
}
