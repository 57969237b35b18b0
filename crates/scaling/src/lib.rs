//! The compound scaling method (section 3 of the paper), over networks as plain data.
//!
//! - [`CompoundRule`]: alpha, beta, gamma, and phi to factors; the single-dimension rules and fast compound scaling are
//!   other bases of the same powers.
//! - [`Scaler`]: a network and a rule; phi to coefficients, networks and counts ([`Point`]), steps of the line, the phi that
//!   a given network would have ([`Fit`]).
//! - [`Budget`] and [`Scaler::grow`]: the largest network of a rule within so many multiply-adds, parameters, activations or
//!   bytes, within so many milliseconds ([`Scaler::grow_timed`]; [`Limit`] is either), or within a cost of one's own.
//! - [`Grid`]: the paper's search space of alpha, beta and gamma, with points that are the same network counted once.
//! - [`Line`]: the published networks beside their literal powers; [`paper`]: Tables 2, 3 and 7 beside our counts;
//!   [`BaselineFile`]: a baseline of one's own.
//!
//! Nothing here touches a tensor or trains anything.
//!
//! ```
//! use efficientnet_scaling::{CompoundRule, Scaler};
//!
//! let scaler = Scaler::named("efficientnet-b0", CompoundRule::PAPER)?;
//! let point = scaler.point(1.0)?;
//! assert_eq!((point.depth, point.width, point.resolution), (1.2, 1.1, 258));
//! // The constraint promises 1.92 times the cost; rounding makes it 2.57 times.
//! assert_eq!(format!("{:.2} {:.2}", point.nominal_ratio, point.macs_ratio), "1.92 2.57");
//!
//! let grown = scaler.grow(&"1.8GMACs".parse()?, Default::default())?;
//! assert!(grown.point.macs <= 1_800_000_000 && grown.next_cost.is_some_and(|macs| macs > 1.8e9));
//! # Ok::<(), efficientnet_scaling::ScalingError>(())
//! ```

mod baseline_file;
mod budget;
mod csv;
mod error;
mod fit;
mod grid;
mod grow;
mod limit;
mod line;
pub mod paper;
mod rule;
mod scaler;
mod steps;

pub use baseline_file::BaselineFile;
pub use budget::{Budget, Quantity};
pub use csv::to_csv;
pub use error::ScalingError;
pub use fit::Fit;
pub use grid::{Grid, GridNetwork, Survey};
pub use grow::{GrowOptions, Grown};
pub use limit::Limit;
pub use line::{Line, Row, RowKind};
pub use rule::{CompoundRule, Factors};
pub use scaler::{PixelRounding, Point, Scaler};
pub use steps::Step;
