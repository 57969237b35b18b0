//! The same functions over every family, and over a baseline from a file.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;

use efficientnet_arch::{ArchSpec, Coefficients, models};
use efficientnet_scaling::{
    BaselineFile, CompoundRule, Fit, GrowOptions, Line, Quantity, RowKind, Scaler, ScalingError, to_csv,
};
use proptest::prelude::*;

fn paper(line: &Line) -> Scaler {
    Scaler::new(line.base.clone(), CompoundRule::PAPER).unwrap()
}

/// Section 2.6 of the reference facts: phi from depth, width, resolution, and log2 of the cost, to two digits.
#[test]
fn published_rows_are_not_whole_phis() {
    let line = Line::named("efficientnet").unwrap();
    let rows = line.table(&paper(&line), &[]).unwrap();
    let fits: Vec<String> = rows
        .iter()
        .map(|row| {
            let [d, w, r] = [row.phi_depth, row.phi_width, row.phi_resolution].map(Option::unwrap);
            format!("{} {d:.2} {w:.2} {r:.2} {:.2}", row.model.replace("efficientnet-", ""), row.phi_macs)
        })
        .collect();
    let wanted = [
        "b0 0.00 0.00 0.00 0.00",
        "b1 0.52 0.00 0.49 0.83",
        "b2 1.00 1.00 1.07 1.36",
        "b3 1.85 1.91 2.09 2.24",
        "b4 3.22 3.53 3.78 3.51",
        "b5 4.32 4.93 5.09 4.73",
        "b6 5.24 6.17 6.14 5.63",
        "b7 6.21 7.27 7.05 6.61",
        "b8 7.03 8.27 7.86 7.34",
        "l2 9.15 15.30 9.11 10.27",
    ];
    assert_eq!(fits, wanted);
    for row in &rows {
        let singles = [row.phi_depth, row.phi_width, row.phi_resolution].map(Option::unwrap);
        let fit = row.phi_fit.unwrap();
        let (low, high) =
            (singles.into_iter().fold(f64::MAX, f64::min), singles.into_iter().fold(f64::MIN, f64::max));
        assert!((low..=high).contains(&fit), "{}: {fit}", row.model);
    }
}

#[test]
fn literal_powers_cost_more_than_the_constraint_says() {
    let line = Line::named("efficientnet").unwrap();
    let phis = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let rows = line.table(&paper(&line), &phis).unwrap();
    let powers: Vec<_> = rows.iter().filter(|row| row.kind == RowKind::Power).collect();
    let giga: Vec<String> = powers.iter().map(|row| format!("{:.3}", row.macs as f64 / 1e9)).collect();
    assert_eq!(giga, ["0.993", "1.811", "3.251", "6.320", "11.375", "20.094", "39.664"]);
    assert!(powers.iter().all(|row| row.macs_ratio > row.nominal_ratio));
    assert_eq!(powers[0].model, "efficientnet-b0(phi 1)");
}

#[test]
fn every_line_scales_up_and_down() {
    let lines = Line::all();
    let total: usize = lines.iter().map(|line| line.published.len()).sum();
    assert_eq!(total, models().len());
    for line in &lines {
        assert_eq!(line.published[0].name, line.base.name);
        let rows = line.table(&paper(line), &[-1.0, 0.0, 1.5]).unwrap();
        let [small, same, large] = &rows[rows.len() - 3..] else { panic!() };
        assert_eq!(same.macs, rows[0].macs, "{}", line.name);
        assert!(small.macs < same.macs && same.macs < large.macs, "{}", line.name);
        assert_eq!(Line::named(&line.name).unwrap().base, line.base);
    }
    assert_eq!(Line::named("EfficientNetV2").unwrap().base.name, "efficientnetv2-b0");
    assert_eq!(Line::named("efficientnet_b3").unwrap().base.name, "efficientnet-b0");
    let text = Line::named("vgg").unwrap_err().to_string();
    assert!(
        text.starts_with("no line of networks is called `vgg`; there are efficientnet, efficientnet-lite"),
        "{text}"
    );
}

#[test]
fn a_dimension_that_a_rule_leaves_alone_asks_for_no_phi() {
    let line = Line::named("efficientnet").unwrap();
    let scaler = Scaler::new(line.base, CompoundRule::depth_only()).unwrap();
    let b4 = ArchSpec::named("efficientnet-b4").unwrap();
    let fit = scaler.fit(b4.coefficients, b4.totals().unwrap());
    let Fit { phi_depth, phi_width, phi_resolution, phi_fit, .. } = fit;
    assert_eq!((phi_width, phi_resolution), (None, None));
    assert_eq!(phi_depth, phi_fit);
    assert!((phi_fit.unwrap() - 1.8f64.log2()).abs() < 1e-12);
}

#[test]
fn rows_are_flat_for_csv() {
    let line = Line::named("resnet50").unwrap();
    let rows = line.table(&paper(&line), &[1.0]).unwrap();
    let csv = to_csv(&rows).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("kind,model,phi,depth,width,resolution,params,macs,"), "{csv}");
    assert!(lines[1].starts_with("published,resnet50,,1.0,1.0,224,25557032,4089185256,"), "{csv}");
    assert!(lines[2].starts_with("power,resnet50(phi 1),1.0,1.2,1.1,258,"), "{csv}");
    assert!(
        to_csv(&efficientnet_scaling::paper::tables().unwrap()).unwrap().contains("\"d=1.4, w=1.2, r=1.3\"")
    );
    assert!(matches!(
        to_csv(&[std::collections::BTreeMap::from([("a", vec![1])])]),
        Err(ScalingError::Csv(_))
    ));
}

const MOBILENETV2: &str = r#"
name = "mobilenetv2"
like = "mobilenetv2"
blocks = [
    "r1_k3_s11_e1_i32_o16", "r2_k3_s22_e6_i16_o24", "r3_k3_s22_e6_i24_o32", "r4_k3_s22_e6_i32_o64",
    "r3_k3_s11_e6_i64_o96", "r3_k3_s22_e6_i96_o160", "r1_k3_s11_e6_i160_o320",
]
"#;

#[test]
fn a_file_with_the_published_blocks_is_the_published_network() {
    let spec = BaselineFile::parse(MOBILENETV2).unwrap().spec().unwrap();
    assert_eq!(spec, ArchSpec::named("mobilenetv2").unwrap());
    let spelled_out = r#"
        name = "mobilenetv2"
        stem_filters = 32
        head_filters = 1280
        head_rule = "at_least"
        activation = "relu6"
        drop_path = 0.0
    "#;
    let text = MOBILENETV2.replace("name = \"mobilenetv2\"\nlike = \"mobilenetv2\"", spelled_out);
    let spec = BaselineFile::parse(&text).unwrap().spec().unwrap();
    let wanted = ArchSpec::named("mobilenetv2").unwrap();
    assert_eq!((spec.stages, spec.head), (wanted.stages, wanted.head));
}

#[test]
fn a_baseline_of_ones_own_is_scaled_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.toml");
    let text = "name = \"tiny\"\nresolution = 64\nstem_filters = 16\nhead_filters = 0\nclasses = 10\n\
                blocks = [\"r1_k3_s11_e1_i16_o8_se0.25\", \"r2_k5_s22_e4_i8_o24_se0.25\"]\n";
    fs::write(&path, text).unwrap();
    let spec = BaselineFile::open(&path).unwrap();
    assert_eq!((spec.name.as_str(), spec.num_classes, spec.num_features()), ("tiny", 10, 24));
    let scaler = Scaler::new(spec, CompoundRule::PAPER).unwrap();
    let own = Quantity::Macs.of(&scaler.base_totals());
    let budget = format!("{}MACs", own * 4).parse().unwrap();
    let grown = scaler.grow(&budget, GrowOptions::default()).unwrap();
    assert!(grown.point.macs <= own * 4 && grown.point.macs > own * 2);
}

#[test]
fn what_is_no_baseline_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.toml");
    let reason = |text: &str| {
        fs::write(&path, text).unwrap();
        let text = BaselineFile::open(&path).unwrap_err().to_string();
        assert!(text.contains("tiny.toml") && text.lines().count() == 1, "{text}");
        text
    };
    let with = |line: &str| format!("name = \"t\"\n{line}\nblocks = [\"r1_k3_s11_e1_i32_o16\"]\n");
    assert!(reason("").contains("missing field `name`"));
    assert!(reason("name = \"t\"\nblocks = []").contains("at least one block string"));
    let wrong = reason("name = \"t\"\nblocks = [\n\"r1_k3_s11_e1_i32_o16\",\n\"r1_k3\"]");
    assert!(wrong.contains("line 2: block string `r1_k3`: the stride"), "{wrong}");
    assert!(reason(&with("colour = 1")).contains("line 2: unknown field `colour`"));
    assert!(reason(&with("like = \"vgg\"")).contains("no network is called `vgg`"));
    assert!(reason(&with("divisor = 0")).contains("divisor is 0; it must lie in 1 to 100000"));
    assert!(reason(&with("floor = nan")).contains("floor is NaN; it must lie in 0 to 1"));
    assert!(reason(&with("dropout = -0.1")).contains("dropout is -0.1"));
    assert!(reason(&with("stem_max_pool = [3, 0]")).contains("stem_max_pool's stride is 0"));
    assert!(reason(&with("resolution = 9000")).contains("resolution is 9000"));
    assert!(reason(&with("classes = 0")).contains("number of classes is 0"));
    assert!(
        reason("name = \"t\"\nblocks = [\"r99999_k3_s11_e1_i32_o16\"]").contains("number of blocks is 99999")
    );
    let huge = "name = \"t\"\nresolution = 8192\nblocks = [\"r1_k99999_s11_e99999_i99999_o99999\"]";
    assert!(reason(huge).contains("its counts do not fit 64 bits"));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(BaselineFile::open(&path), Err(ScalingError::File { .. })));
    assert!(matches!(BaselineFile::open(folder.path()), Err(ScalingError::File { .. })));
    assert!(matches!(BaselineFile::open(&folder.path().join("none.toml")), Err(ScalingError::File { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..Default::default() })]

    /// Nothing gets cheaper when one coefficient grows and the others stay. (A ResNet's parameters could: rounding may make
    /// a projection needless. Along these baselines it does not.)
    #[test]
    fn counts_grow_with_each_coefficient(
        model in 0usize..33, width in 0.2f64..3.0, depth in 0.2f64..3.0, resolution in 32usize..400,
        more in 1.0f64..2.0, which in 0usize..3,
    ) {
        let base = models()[model].spec();
        let small = Coefficients { width, depth, resolution };
        let large = match which {
            0 => Coefficients { width: width * more, ..small },
            1 => Coefficients { depth: depth * more, ..small },
            _ => Coefficients { resolution: (resolution as f64 * more) as usize, ..small },
        };
        let totals = |c| base.rescaled(c).unwrap().totals().unwrap();
        let (small, large) = (totals(small), totals(large));
        prop_assert!(small.params <= large.params);
        prop_assert!(small.macs <= large.macs);
        prop_assert!(small.activations <= large.activations);
        if which == 2 {
            prop_assert!(small.peak_activation_bytes <= large.peak_activation_bytes);
        }
    }

    /// A power's coefficients ask for the phi that they were made with.
    #[test]
    fn phi_comes_back(phi in -3.0f64..5.0, alpha in 1.01f64..2.0, beta in 1.01f64..1.5, gamma in 1.01f64..1.5) {
        let rule = CompoundRule::new(alpha, beta, gamma).unwrap();
        let scaler = Scaler::named("efficientnet-b0", rule).unwrap();
        let row = scaler.power(phi);
        prop_assume!(row.is_ok()); // gamma^phi may leave the 8192 pixels
        let row = row.unwrap();
        prop_assert!((row.phi_depth.unwrap() - phi).abs() < 1e-9);
        prop_assert!((row.phi_width.unwrap() - phi).abs() < 1e-9);
        let half_a_pixel = (0.5 / 224.0 / gamma.powf(phi).min(1.0) * 2.0) / gamma.ln();
        prop_assert!((row.phi_resolution.unwrap() - phi).abs() <= half_a_pixel);
    }

    #[test]
    fn a_file_survives_its_own_text(
        filters in 1usize..2000, head in 0usize..3000, floor in 0.0f64..=1.0, fixed: bool, resolution in 16usize..512,
    ) {
        let text = format!(
            "name = \"x\"\nstem_filters = {filters}\nhead_filters = {head}\nfloor = {floor:?}\nfixed_ends = {fixed}\n\
             resolution = {resolution}\nblocks = [\"r1_k3_s11_e1_i32_o16_se0.25\"]\n"
        );
        let file = BaselineFile::parse(&text).unwrap();
        let json = serde_json::to_string(&file).unwrap();
        let again: BaselineFile = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(again.spec().unwrap(), file.spec().unwrap());
    }

    #[test]
    fn no_text_panics(text in "[ -~\\n]{0,200}") {
        let _ = BaselineFile::parse(&text).map(|file| file.spec());
    }
}

/// Any published network, scaled or not, can be written down as a baseline and read back: what a search found is then scaled
/// like any other.
#[test]
fn a_network_becomes_a_file_and_a_network_again() {
    for model in models() {
        let spec = model.spec();
        let text = BaselineFile::of(&spec, "mine").unwrap().to_toml().unwrap();
        let again = BaselineFile::parse(&text).unwrap().spec().unwrap();
        assert_eq!(again.name, "mine", "{}", model.name);
        assert_eq!(again.coefficients, Coefficients::unscaled(spec.resolution()), "{}", model.name);
        let layers = |spec: &ArchSpec| (spec.stem.clone(), spec.stages.clone(), spec.head.clone());
        assert_eq!(layers(&again), layers(&spec), "{}", model.name);
        let rest = |spec: &ArchSpec| (spec.num_classes, spec.dropout, spec.activation, spec.padding);
        assert_eq!(rest(&again), rest(&spec), "{}", model.name);
    }
}

#[test]
fn a_file_says_only_what_its_family_does_not() {
    let b0 = ArchSpec::named("efficientnet-b0").unwrap().with_classes(10);
    let text = BaselineFile::of(&b0, "mine").unwrap().to_toml().unwrap();
    let keys: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    assert_eq!(keys, ["name", "like", "classes", "blocks"]);
}
