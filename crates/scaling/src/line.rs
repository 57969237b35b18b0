//! The published networks of a design beside the powers that its rule really gives.

use efficientnet_arch::{ArchSpec, Coefficients, NamedModel, Totals, models};
use serde::Serialize;

use crate::{Factors, Fit, Scaler, ScalingError};

/// Networks that were published as scalings of one baseline, such as B0 to L2.
#[derive(Debug, Clone)]
pub struct Line {
    /// The baseline's name: `efficientnet`, `efficientnet-lite`, `mobilenetv2`, `resnet50` ...
    pub name: String,
    /// The network that all of them are scalings of.
    pub base: ArchSpec,
    /// What was published, small to large; the first is `base`. Empty for a baseline of one's own.
    pub published: Vec<&'static NamedModel>,
}

impl Line {
    /// All lines of published networks.
    pub fn all() -> Vec<Self> {
        let mut lines: Vec<Self> = Vec::new();
        for model in models() {
            let name = model.baseline().name;
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.published.push(model),
                None => lines.push(Self { name, base: model.spec(), published: vec![model] }),
            }
        }
        lines
    }

    /// A line by its own name or by that of a network in it; `efficientnetv2` means the scaled ones, V2-B0 to -B3.
    ///
    /// # Errors
    /// [`ScalingError::UnknownLine`] with the names of all.
    pub fn named(name: &str) -> Result<Self, ScalingError> {
        let wanted = name.trim().to_ascii_lowercase().replace('_', "-");
        let wanted = if wanted == "efficientnetv2" { "efficientnetv2-base".to_string() } else { wanted };
        let wanted = ArchSpec::named(&wanted).map_or(wanted, |spec| spec.baseline.name);
        let mut all = Self::all();
        match all.iter().position(|line| line.name == wanted) {
            Some(index) => Ok(all.swap_remove(index)),
            None => {
                let known = all.into_iter().map(|line| line.name).collect();
                Err(ScalingError::UnknownLine { name: name.to_string(), known })
            }
        }
    }

    /// A line of one network that nobody has published scalings of.
    pub fn of(base: ArchSpec) -> Self {
        Self { name: base.baseline.name.clone(), base, published: Vec::new() }
    }

    /// The published networks, then the powers at each `phi`.
    ///
    /// # Errors
    /// Those of [`Scaler::point`] at any of them.
    pub fn table(&self, scaler: &Scaler, phis: &[f64]) -> Result<Vec<Row>, ScalingError> {
        let published = self.published.iter().map(|model| scaler.published(model.spec()));
        let powers = phis.iter().map(|phi| scaler.power(*phi));
        published.chain(powers).collect()
    }
}

/// Where a row's coefficients are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// From the authors' table.
    Published,
    /// From whoever asks.
    Given,
    /// Literally alpha^phi, beta^phi, gamma^phi.
    Power,
}

/// A network of the table. Flat, so that it is a line of CSV as well.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Published, given or a power.
    pub kind: RowKind,
    /// The network's name.
    pub model: String,
    /// The power's phi; other rows have none.
    pub phi: Option<f64>,
    /// Depth coefficient.
    pub depth: f64,
    /// Width coefficient.
    pub width: f64,
    /// Side of the input in pixels.
    pub resolution: usize,
    /// See [`efficientnet_arch::Counts`].
    pub params: u64,
    /// See [`efficientnet_arch::Counts`].
    pub macs: u64,
    /// See [`efficientnet_arch::Counts`].
    pub activations: u64,
    /// See [`efficientnet_arch::Counts`].
    pub peak_activation_bytes: u64,
    /// d * w^2 * r^2 over the baseline: by how much the multiply-adds should have grown.
    pub nominal_ratio: f64,
    /// By how much they have grown.
    pub macs_ratio: f64,
    /// See [`Fit`].
    pub phi_depth: Option<f64>,
    /// See [`Fit`].
    pub phi_width: Option<f64>,
    /// See [`Fit`].
    pub phi_resolution: Option<f64>,
    /// See [`Fit`].
    pub phi_macs: f64,
    /// See [`Fit`].
    pub phi_fit: Option<f64>,
}

impl Scaler {
    /// A published network of the same baseline, with the phi that it would have.
    ///
    /// # Errors
    /// [`ScalingError::Arch`] where it cannot be counted.
    pub fn published(&self, spec: ArchSpec) -> Result<Row, ScalingError> {
        let totals = spec.totals()?;
        Ok(self.row(RowKind::Published, None, spec, totals))
    }

    /// The same for a network that nobody need have published.
    ///
    /// # Errors
    /// [`ScalingError::Arch`] where it cannot be counted.
    pub fn given(&self, spec: ArchSpec) -> Result<Row, ScalingError> {
        let totals = spec.totals()?;
        Ok(self.row(RowKind::Given, None, spec, totals))
    }

    /// The network at `phi`.
    ///
    /// # Errors
    /// Those of [`Scaler::point`].
    pub fn power(&self, phi: f64) -> Result<Row, ScalingError> {
        let spec = self.spec(phi)?;
        let totals = self.totals_of(&spec, phi)?;
        Ok(self.row(RowKind::Power, Some(phi), spec, totals))
    }

    fn row(&self, kind: RowKind, phi: Option<f64>, spec: ArchSpec, totals: Totals) -> Row {
        let (base, Coefficients { width, depth, resolution }) = (self.base().coefficients, spec.coefficients);
        let from_base = Factors {
            depth: depth / base.depth,
            width: width / base.width,
            resolution: resolution as f64 / base.resolution as f64,
        };
        // A power's nominal cost is that of the unrounded side.
        let factors = phi.map_or(from_base, |phi| self.rule().factors(phi));
        let Fit { phi_depth, phi_width, phi_resolution, phi_macs, phi_fit } =
            self.fit(spec.coefficients, totals);
        Row {
            kind,
            model: spec.name,
            phi,
            depth,
            width,
            resolution,
            params: totals.params,
            macs: totals.macs,
            activations: totals.activations,
            peak_activation_bytes: totals.peak_activation_bytes,
            nominal_ratio: factors.nominal_cost(),
            macs_ratio: totals.macs as f64 / self.base_totals().macs as f64,
            phi_depth,
            phi_width,
            phi_resolution,
            phi_macs,
            phi_fit,
        }
    }
}
