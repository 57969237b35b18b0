//! Milliseconds of networks, measuring what is not known yet.

use std::collections::HashSet;
use std::path::PathBuf;

use efficientnet_arch::{ArchSpec, Piece};

use super::file;
use super::{Clock, Correction, LatencyError, LatencyTable, Setup, Timing, Whole};
use crate::NetworkKey;

/// Pieces that are measured side by side, and written down together: all are in memory at once.
const PIECES: usize = 16;
/// The same for whole networks.
const NETWORKS: usize = 4;

/// Milliseconds of networks, from a table that grows where there is a clock.
pub struct Predictor<'c> {
    table: LatencyTable,
    /// This machine, which need not be the table's.
    here: Setup,
    file: Option<PathBuf>,
    clock: Option<Box<dyn Clock + 'c>>,
}

impl<'c> Predictor<'c> {
    /// From a table in memory. Without a clock only networks whose pieces are all in the table have a latency.
    pub fn new(table: LatencyTable, clock: Option<Box<dyn Clock + 'c>>) -> Self {
        let here = table.setup.clone();
        Self { table, here, file: None, clock }
    }

    /// From a table in a file, which is made where there is none at the first measurement. `here` is what is asked for, and
    /// this machine.
    ///
    /// # Errors
    /// [`LatencyError`] where the file cannot be read, is no table, or was measured on another device, with another
    /// engine or batch.
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

    /// Milliseconds of one pass of a network: the sum of its pieces, corrected where the table has a correction. Pieces that
    /// the table lacks are measured and kept.
    ///
    /// # Errors
    /// [`LatencyError::Missing`] for a piece without a clock; what the clock and the file say.
    pub fn predict(&mut self, spec: &ArchSpec) -> Result<f64, LatencyError> {
        let sum = self.sum(spec)?;
        Ok(self.table.correction.unwrap_or(Correction::NONE).apply(sum))
    }

    /// The sum of a network's pieces in milliseconds, measuring those that the table lacks.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn sum(&mut self, spec: &ArchSpec) -> Result<f64, LatencyError> {
        let pieces = spec.pieces();
        self.learn(&pieces)?;
        sum_of(&self.table, &pieces)
    }

    /// Measures the different ones of these pieces that the table lacks, a few at a time.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn learn(&mut self, pieces: &[Piece]) -> Result<(), LatencyError> {
        let mut seen = HashSet::new();
        let missing = pieces.iter().filter(|piece| !self.table.pieces.contains_key(piece.key()));
        let missing: Vec<Piece> = missing.filter(|piece| seen.insert(piece.key())).cloned().collect();
        for some in missing.chunks(PIECES) {
            self.extend(some[0].key(), |table, clock| {
                // Another process may have measured some of them meanwhile.
                let left: Vec<Piece> =
                    some.iter().filter(|piece| !table.pieces.contains_key(piece.key())).cloned().collect();
                for (piece, timing) in left.iter().zip(measured(left.len(), || clock.pieces(&left))?) {
                    table.pieces.insert(piece.key().to_string(), time(piece.key(), timing)?);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Measures those of these networks as wholes that the table lacks, and their pieces.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn measure(&mut self, specs: &[ArchSpec]) -> Result<(), LatencyError> {
        let mut seen = HashSet::new();
        let keyed = specs.iter().map(|spec| (NetworkKey::of(spec), spec));
        let missing: Vec<(NetworkKey, &ArchSpec)> =
            keyed.filter(|(key, _)| !self.table.networks.contains_key(key) && seen.insert(*key)).collect();
        let pieces: Vec<Piece> = missing.iter().flat_map(|(_, spec)| spec.pieces()).collect();
        self.learn(&pieces)?;
        for some in missing.chunks(NETWORKS) {
            self.extend(&some[0].1.name, |table, clock| {
                let left = some.iter().filter(|(key, _)| !table.networks.contains_key(key));
                let left: Vec<(NetworkKey, &ArchSpec)> = left.copied().collect();
                let specs: Vec<ArchSpec> = left.iter().map(|(_, spec)| (*spec).clone()).collect();
                for ((key, spec), timing) in left.iter().zip(measured(left.len(), || clock.networks(&specs))?)
                {
                    let pieces_ms = sum_of(table, &spec.pieces())?;
                    let timing = time(&spec.name, timing)?;
                    table.networks.insert(*key, Whole { name: spec.name.clone(), pieces_ms, timing });
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Measures these networks where the table lacks them, and fits the correction to all networks of the table, anew.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn calibrate(&mut self, specs: &[ArchSpec]) -> Result<(), LatencyError> {
        self.measure(specs)?;
        let correction = Some(Correction::fit(&self.table.points()));
        if self.table.correction == correction {
            return Ok(());
        }
        self.extend("a correction", |table, _| {
            table.correction = Some(Correction::fit(&table.points()));
            Ok(())
        })
    }

    /// The same where the table has no correction yet: one that is there stays, so that a network's latency never changes.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn calibrate_once(&mut self, specs: &[ArchSpec]) -> Result<(), LatencyError> {
        if self.table.correction.is_some() {
            return Ok(());
        }
        self.measure(specs)?;
        self.extend("a correction", |table, _| {
            let fitted = Correction::fit(&table.points());
            table.correction.get_or_insert(fitted);
            Ok(())
        })
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

/// Nothing is asked of the clock for nothing.
fn measured(
    count: usize,
    ask: impl FnOnce() -> Result<Vec<Timing>, String>,
) -> Result<Vec<Timing>, LatencyError> {
    if count == 0 { Ok(Vec::new()) } else { ask().map_err(LatencyError::Clock) }
}

fn sum_of(table: &LatencyTable, pieces: &[Piece]) -> Result<f64, LatencyError> {
    let time = |piece: &Piece| match table.pieces.get(piece.key()) {
        Some(timing) => Ok(timing.median_ms),
        None => Err(LatencyError::Missing(piece.key().to_string())),
    };
    pieces.iter().map(time).sum()
}

fn time(what: &str, timing: Timing) -> Result<Timing, LatencyError> {
    match timing.median_ms > 0.0 && timing.median_ms.is_finite() {
        true => Ok(timing),
        false => {
            let milliseconds = timing.median_ms.to_string();
            Err(LatencyError::NoTime { what: what.to_string(), milliseconds })
        }
    }
}
