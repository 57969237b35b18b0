//! The paper's figures as printed, and what is known about those that do not come out.

use super::Agreement;

/// A row of a table.
pub(super) struct Figure {
    pub table: u8,
    pub model: &'static str,
    pub scaling: &'static str,
    /// d, w, r.
    pub factors: (f64, f64, f64),
    pub gmacs: &'static str,
    pub mparams: Option<&'static str>,
    pub top1: &'static str,
    /// What is known about the row whatever our count is.
    pub known: Option<Agreement>,
    pub note: &'static str,
}

const fn published(
    model: &'static str,
    mparams: &'static str,
    gmacs: &'static str,
    top1: &'static str,
    note: &'static str,
) -> Figure {
    let (table, scaling, factors) = (2, "", (1.0, 1.0, 1.0));
    Figure { table, model, scaling, factors, gmacs, mparams: Some(mparams), top1, known: None, note }
}

const fn scaled(
    table: u8,
    model: &'static str,
    scaling: &'static str,
    factors: (f64, f64, f64),
    (gmacs, top1): (&'static str, &'static str),
    note: &'static str,
) -> Figure {
    Figure { table, model, scaling, factors, gmacs, mparams: None, top1, known: None, note }
}

const fn misprint(figure: Figure) -> Figure {
    Figure { known: Some(Agreement::Misprint), ..figure }
}

const fn not_stated(figure: Figure) -> Figure {
    Figure { known: Some(Agreement::NotStated), ..figure }
}

const BASE: (f64, f64, f64) = (1.0, 1.0, 1.0);
const DEPTH: (f64, f64, f64) = (4.0, 1.0, 1.0);
const WIDTH: (f64, f64, f64) = (1.0, 2.0, 1.0);
const RESOLUTION: (f64, f64, f64) = (1.0, 1.0, 2.0);
const COMPOUND: (f64, f64, f64) = (1.4, 1.2, 1.3);
const COMPOUND_TEXT: &str = "d=1.4, w=1.2, r=1.3";

const COUNTED_LESS: &str =
    "the paper rounds down or counts a little less; pycls and torchvision count what we do";
const V2_COMPOUND: &str = "the coefficients are MobileNetV1's; at 288 pixels it is 1.28";
const RESNET_COMPOUND: &str = "the coefficients are MobileNetV1's";
const EXCHANGED: &str = "the figures of depth and width are exchanged";

pub(super) const FIGURES: &[Figure] = &[
    published("efficientnet-b0", "5.3", "0.39", "77.1", ""),
    published("resnet50", "26", "4.1", "76.0", ""),
    published("efficientnet-b1", "7.8", "0.70", "79.1", COUNTED_LESS),
    published("resnet152", "60", "11", "77.8", COUNTED_LESS),
    published("efficientnet-b2", "9.2", "1.0", "80.1", ""),
    published("efficientnet-b3", "12", "1.8", "81.6", ""),
    published("efficientnet-b4", "19", "4.2", "82.9", COUNTED_LESS),
    published("efficientnet-b5", "30", "9.9", "83.6", COUNTED_LESS),
    published("efficientnet-b6", "43", "19", "84.0", ""),
    published("efficientnet-b7", "66", "37", "84.3", COUNTED_LESS),
    scaled(3, "mobilenetv1", "baseline", BASE, ("0.6", "70.6"), ""),
    scaled(3, "mobilenetv1", "w=2", WIDTH, ("2.2", "74.2"), ""),
    scaled(3, "mobilenetv1", "r=2", RESOLUTION, ("2.2", "72.7"), "2.27 rounds to 2.3"),
    scaled(3, "mobilenetv1", COMPOUND_TEXT, COMPOUND, ("2.3", "75.6"), "at 288 pixels it is 2.24"),
    scaled(3, "mobilenetv2", "baseline", BASE, ("0.3", "72.0"), ""),
    scaled(3, "mobilenetv2", "d=4", DEPTH, ("1.2", "76.8"), ""),
    scaled(3, "mobilenetv2", "w=2", WIDTH, ("1.1", "76.4"), ""),
    scaled(3, "mobilenetv2", "r=2", RESOLUTION, ("1.2", "74.8"), ""),
    not_stated(scaled(3, "mobilenetv2", COMPOUND_TEXT, COMPOUND, ("1.3", "77.4"), V2_COMPOUND)),
    scaled(3, "resnet50", "baseline", BASE, ("4.1", "76.0"), ""),
    misprint(scaled(3, "resnet50", "d=4", DEPTH, ("16.2", "78.1"), EXCHANGED)),
    misprint(scaled(3, "resnet50", "w=2", WIDTH, ("14.7", "77.7"), EXCHANGED)),
    scaled(3, "resnet50", "r=2", RESOLUTION, ("16.4", "77.5"), ""),
    not_stated(scaled(3, "resnet50", COMPOUND_TEXT, COMPOUND, ("16.7", "78.8"), RESNET_COMPOUND)),
    scaled(7, "efficientnet-b0", "baseline", BASE, ("0.4", "77.3"), ""),
    misprint(scaled(7, "efficientnet-b0", "d=4", DEPTH, ("1.8", "79.0"), "d=4.5 would give 1.83")),
    misprint(scaled(7, "efficientnet-b0", "w=2", WIDTH, ("1.8", "78.9"), "w=2.2 would give 1.76")),
    misprint(scaled(7, "efficientnet-b0", "r=2", RESOLUTION, ("1.9", "79.1"), "r=2.2 would give 1.92")),
    scaled(7, "efficientnet-b0", COMPOUND_TEXT, COMPOUND, ("1.8", "81.1"), ""),
];
