//! Rows as comma-separated values (RFC 4180, the names of the fields first), for spreadsheets and plots.

use serde::Serialize;

use crate::ScalingError;

/// Writes flat rows.
///
/// # Errors
/// [`ScalingError::Csv`] for a row with a list or a map inside.
pub fn to_csv(rows: &[impl Serialize]) -> Result<String, ScalingError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| ScalingError::Csv(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| ScalingError::Csv(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| ScalingError::Csv(error.to_string()))
}
