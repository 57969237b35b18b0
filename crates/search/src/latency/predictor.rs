//! Milliseconds of networks: a few are measured, all others are told from these.

use std::collections::HashSet;
use std::path::PathBuf;

use efficientnet_arch::ArchSpec;

use super::file;
use super::{Clock, LatencyError, LatencyTable, Setup, Whole};
use crate::NetworkKey;

/// Networks are measured side by side as long as they have no more parameters than this: all are in memory at once.
const PARAMETERS: u64 = 250_000_000;

/// Milliseconds of networks, from a table that can be extended where there is a clock.
pub struct Predictor<'c> {
    table: LatencyTable,
    /// This machine, which need not be the table's.
    here: Setup,
    file: Option<PathBuf>,
    clock: Option<Box<dyn Clock + 'c>>,
}

impl<'c> Predictor<'c> {
    /// From a table in memory. Without a clock nothing can be added to it.
    pub fn new(table: LatencyTable, clock: Option<Box<dyn Clock + 'c>>) -> Self {
        let here = table.setup.clone();
        Self { table, here, file: None, clock }
    }

    /// From a table in a file, which is made where there is none at the first measurement. `here` is what is asked for, and
    /// this machine.
    ///
    /// # Errors
    /// [`LatencyError`] where the file cannot be read, is no table of this format, or was measured on another device, with
    /// another engine or batch.
    pub fn open(
        file: PathBuf,
        here: Setup,
        clock: Option<Box<dyn Clock + 'c>>,
    ) -> Result<Self, LatencyError> {
        let table = match file::read(&file)? {
            Some(table) => {
                file::same_question(&file, &table.setup, &here)?;
                table
            }
            None => LatencyTable::new(here.clone()),
        };
        Ok(Self { table, here, file: Some(file), clock })
    }

    /// What is known so far.
    pub fn table(&self) -> &LatencyTable {
        &self.table
    }

    /// Milliseconds of one pass of a network, by what its steps cost. Nothing is measured.
    ///
    /// # Errors
    /// [`LatencyError::Missing`] before anything was calibrated.
    pub fn predict(&self, spec: &ArchSpec) -> Result<f64, LatencyError> {
        let costs = self.table.costs.as_ref();
        let costs = costs.ok_or_else(|| LatencyError::Missing("what steps cost".to_string()))?;
        Ok(costs.of(&spec.steps()))
    }

    /// Measures those of these networks that the table lacks.
    ///
    /// # Errors
    /// [`LatencyError::Missing`] where something is to be measured and there is no clock; what the clock and the file say.
    pub fn measure<'s>(&mut self, specs: impl IntoIterator<Item = &'s ArchSpec>) -> Result<(), LatencyError> {
        let mut seen = HashSet::new();
        let keyed = specs.into_iter().map(|spec| (NetworkKey::of(spec), spec));
        let missing: Vec<(NetworkKey, &ArchSpec)> =
            keyed.filter(|(key, _)| !self.table.networks.contains_key(key) && seen.insert(*key)).collect();
        for some in together(&missing) {
            self.extend(&some[0].1.name, |table, clock| {
                // Another process may have measured some of them meanwhile.
                let left = some.iter().filter(|(key, _)| !table.networks.contains_key(key));
                let left: Vec<(NetworkKey, &ArchSpec)> = left.copied().collect();
                let specs: Vec<ArchSpec> = left.iter().map(|(_, spec)| (*spec).clone()).collect();
                // Nothing is asked of the clock for nothing.
                let measured = match specs.is_empty() {
                    true => Vec::new(),
                    false => clock.networks(&specs).map_err(LatencyError::Clock)?,
                };
                for ((key, spec), measured) in left.into_iter().zip(measured) {
                    table.networks.insert(key, Whole::of(spec, measured)?);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Measures these networks where the table lacks them, and fits what steps cost to all networks of the table, anew.
    ///
    /// # Errors
    /// As [`Predictor::measure`].
    pub fn calibrate<'s>(
        &mut self,
        specs: impl IntoIterator<Item = &'s ArchSpec>,
    ) -> Result<(), LatencyError> {
        self.measure(specs)?;
        let costs = Some(self.table.fitted());
        if self.table.costs == costs {
            return Ok(());
        }
        self.extend("what steps cost", |table, _| {
            table.costs = Some(table.fitted());
            Ok(())
        })
    }

    /// The same where nothing was fitted yet: what is there stays, so that a network's latency never changes. `specs` is asked
    /// for the networks only where they are wanted.
    ///
    /// # Errors
    /// As [`Predictor::measure`]; those of `specs`.
    pub fn calibrate_once<E: From<LatencyError>>(
        &mut self,
        specs: impl FnOnce() -> Result<Vec<ArchSpec>, E>,
    ) -> Result<(), E> {
        if self.table.costs.is_some() {
            return Ok(());
        }
        self.measure(&specs()?)?;
        self.extend("what steps cost", |table, _| {
            if table.costs.is_none() {
                table.costs = Some(table.fitted());
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Adds to the table, and to the file as it is by now.
    fn extend(
        &mut self,
        missing: &str,
        add: impl FnOnce(&mut LatencyTable, &mut dyn Clock) -> Result<(), LatencyError>,
    ) -> Result<(), LatencyError> {
        let Some(clock) = &mut self.clock else { return Err(LatencyError::Missing(missing.to_string())) };
        let Some(path) = &self.file else { return add(&mut self.table, clock.as_mut()) };
        let _held = file::lock(path)?;
        let mut table = file::read(path)?.unwrap_or_else(|| LatencyTable::new(self.here.clone()));
        file::same_question(path, &table.setup, &self.here)?;
        let (theirs, ours) = (table.setup.machine(), self.here.machine());
        if theirs != ours {
            let (path, missing) = (path.clone(), missing.to_string());
            return Err(LatencyError::OtherMachine { path, theirs, ours, missing });
        }
        let had = table.clone();
        add(&mut table, clock.as_mut())?;
        if table != had {
            file::write(path, &table)?;
        }
        self.table = table;
        Ok(())
    }
}

/// Runs of networks that fit into memory together.
fn together<'a, 's>(missing: &'a [(NetworkKey, &'s ArchSpec)]) -> Vec<&'a [(NetworkKey, &'s ArchSpec)]> {
    let params = |spec: &ArchSpec| spec.totals().map_or(u64::MAX, |totals| totals.params);
    let (mut runs, mut start, mut sum) = (Vec::new(), 0, 0_u64);
    for (index, (_, spec)) in missing.iter().enumerate() {
        sum = sum.saturating_add(params(spec));
        if sum > PARAMETERS && index > start {
            runs.push(&missing[start..index]);
            (start, sum) = (index, params(spec));
        }
    }
    runs.extend((start < missing.len()).then(|| &missing[start..]));
    runs
}
