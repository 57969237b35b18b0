//! The network that `[model]` describes, as plain data.

use efficientnet_arch::{ArchError, ArchSpec, Baseline, BatchNorm, Coefficients};

use super::Model;

impl Model {
    /// The network at `resolution` pixels, with the published number of classes ([`ArchSpec::with_classes`] gives it
    /// another).
    ///
    /// # Errors
    /// [`ArchError`] where the name is unknown or a coefficient is one that no network can be built with.
    pub fn spec(&self, resolution: usize) -> Result<ArchSpec, ArchError> {
        let named = ArchSpec::named(&self.name)?;
        let mut baseline = self.with_constants(&named.baseline);
        let coefficients = Coefficients {
            width: self.width.unwrap_or(named.coefficients.width),
            depth: self.depth.unwrap_or(named.coefficients.depth),
            resolution,
        };
        let is_published = coefficients.width == named.coefficients.width
            && coefficients.depth == named.coefficients.depth
            && self.blocks.is_none();
        if let Some(blocks) = &self.blocks {
            baseline.rows = blocks.clone();
        }
        let spec = baseline.scaled(coefficients, self.dropout.unwrap_or(named.dropout))?.checked()?;
        // Networks that can be written down but not counted cannot be trained either.
        spec.totals()?;
        let name = if is_published { named.name } else { format!("{} (its own)", named.name) };
        Ok(ArchSpec { name, ..spec })
    }
    /// Another network with the constants that stand here: dropout, stochastic depth, those of batch normalisation. What
    /// does not stand here stays as the network has it.
    ///
    /// # Errors
    /// [`ArchError`] where `spec` is no scaling of its own baseline that can be built.
    pub fn constants_on(&self, spec: &ArchSpec) -> Result<ArchSpec, ArchError> {
        let baseline = self.with_constants(&spec.baseline);
        let (batch_norm, dropout) = (baseline.batch_norm, self.dropout.unwrap_or(spec.dropout));
        // Scaled anew, since stochastic depth is written down block by block.
        let built = ArchSpec { baseline, batch_norm, dropout, ..spec.clone() }.rescaled(spec.coefficients)?;
        Ok(ArchSpec { name: spec.name.clone(), ..built })
    }

    fn with_constants(&self, baseline: &Baseline) -> Baseline {
        Baseline {
            drop_path: self.drop_path.unwrap_or(baseline.drop_path),
            batch_norm: BatchNorm {
                epsilon: self.bn_epsilon.unwrap_or(baseline.batch_norm.epsilon),
                momentum: self.bn_momentum.unwrap_or(baseline.batch_norm.momentum),
            },
            ..baseline.clone()
        }
    }
}
