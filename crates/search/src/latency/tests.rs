//! Tables and predictions by a clock whose times are known.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use efficientnet_arch::{ArchSpec, Coefficients, Step, StepKind};

use super::*;

/// A pass takes 0.5 ms and its steps; these take what they do.
#[derive(Clone, Default)]
struct Known {
    asked: Rc<RefCell<Vec<String>>>,
    /// Steps cannot be told apart.
    whole: bool,
    /// Fails at this network.
    broken: Option<String>,
}

fn step_ms(step: &Step) -> f64 {
    let own = 2e-3
        + 2e-8 * step.dense_macs as f64
        + 6e-8 * step.depthwise_macs as f64
        + 1e-7 * step.exponentials as f64
        + 3e-8 * step.weights as f64;
    if step.kind == StepKind::Excite { 2.0 * own } else { own }
}

fn network_ms(spec: &ArchSpec) -> f64 {
    0.5 + spec.steps().iter().map(step_ms).sum::<f64>()
}

fn timing(median_ms: f64) -> Timing {
    Timing { median_ms, spread_ms: 0.0, repeats: 5 }
}

impl Clock for Known {
    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Measured>, String> {
        if specs.iter().any(|spec| Some(&spec.name) == self.broken.as_ref()) {
            return Err("no memory is left".to_string());
        }
        self.asked.borrow_mut().extend(specs.iter().map(|spec| spec.name.clone()));
        let measured = |spec: &ArchSpec| Measured {
            whole: timing(network_ms(spec)),
            steps: (!self.whole).then(|| spec.steps().iter().map(step_ms).collect()),
        };
        Ok(specs.iter().map(measured).collect())
    }
}

fn setup() -> Setup {
    Setup {
        device: "flex".to_string(),
        engine: "compiled".to_string(),
        batch: 1,
        device_description: "Flex".to_string(),
        processor: Some("a processor".to_string()),
        threads: 2,
        date: "2026-11-28".to_string(),
    }
}

fn b0(width: f64, depth: f64, resolution: usize) -> ArchSpec {
    let base = ArchSpec::named("efficientnet-b0").unwrap();
    let spec = base.rescaled(Coefficients { width, depth, resolution }).unwrap();
    ArchSpec { name: format!("w{width} d{depth} r{resolution}"), ..spec }
}

fn a_few() -> Vec<ArchSpec> {
    vec![b0(1.0, 1.0, 224), b0(1.0, 2.0, 224), b0(0.5, 1.0, 128), b0(1.5, 1.0, 160), b0(1.2, 1.4, 190)]
}

fn calibrated(clock: &Known) -> Predictor<'static> {
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(clock.clone())));
    predictor.calibrate(&a_few()).unwrap();
    predictor
}

fn off(predictor: &Predictor<'_>, spec: &ArchSpec) -> f64 {
    (predictor.predict(spec).unwrap() / network_ms(spec) - 1.0).abs()
}

#[test]
fn networks_that_were_never_measured_are_predicted_and_nothing_is_asked_for_it() {
    let clock = Known::default();
    let mut predictor = calibrated(&clock);
    assert_eq!(clock.asked.borrow().len(), 5);
    for other in [b0(0.8, 0.7, 200), b0(2.0, 2.0, 300), b0(1.0, 1.0, 96)] {
        assert!(off(&predictor, &other) < 1e-3, "{}: {}", other.name, off(&predictor, &other));
    }
    // A network measured once is not measured again, whatever it is called.
    predictor.calibrate(&[ArchSpec { name: "again".to_string(), ..b0(1.0, 1.0, 224) }]).unwrap();
    assert_eq!(clock.asked.borrow().len(), 5);
}

#[test]
fn networks_whose_steps_cannot_be_told_apart_are_predicted_less_well_but_by_more_than_their_multiply_adds() {
    let clock = Known { whole: true, ..Known::default() };
    let mut predictor = calibrated(&clock);
    let around: Vec<ArchSpec> = around(&a_few()[0]).unwrap().into_iter().map(|one| one.spec).collect();
    predictor.calibrate(&around).unwrap();
    let errors = [b0(0.8, 0.7, 200), b0(1.3, 1.2, 260)].map(|other| off(&predictor, &other));
    assert!(errors.iter().all(|error| *error < 0.02), "{errors:?}");
}

#[test]
fn costs_that_are_there_stay() {
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(Known::default())));
    assert!(matches!(predictor.predict(&a_few()[0]), Err(LatencyError::Missing(_))));
    predictor.calibrate_once::<LatencyError>(|| Ok(a_few()[..3].to_vec())).unwrap();
    let first = predictor.table().costs.clone();
    assert!(first.is_some() && predictor.table().networks.len() == 3);
    predictor.measure(&a_few()).unwrap();
    let unasked = || -> Result<Vec<ArchSpec>, LatencyError> { panic!("no network is wanted") };
    predictor.calibrate_once(unasked).unwrap();
    assert_eq!(predictor.table().costs, first);
    predictor.calibrate(&a_few()).unwrap();
    assert_ne!(predictor.table().costs, first);
}

/// A folder with a table of a few networks.
fn kept() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latency.json");
    let mut predictor = Predictor::open(path.clone(), setup(), Some(Box::new(Known::default()))).unwrap();
    predictor.calibrate(&a_few()).unwrap();
    (folder, path)
}

#[test]
fn the_file_has_the_table_and_serves_the_next() {
    let (_folder, path) = kept();
    let clock = Known::default();
    let mut next = Predictor::open(path.clone(), setup(), Some(Box::new(clock.clone()))).unwrap();
    assert_eq!(next.table(), calibrated(&clock).table());
    clock.asked.borrow_mut().clear();
    next.calibrate(&a_few()).unwrap();
    assert!(clock.asked.borrow().is_empty());
    // Without a clock networks are priced, but none is measured.
    let mut reader = Predictor::open(path, setup(), None).unwrap();
    assert_eq!(reader.predict(&b0(1.0, 1.0, 300)), next.predict(&b0(1.0, 1.0, 300)));
    let error = reader.measure(&[b0(1.0, 1.0, 300)]).unwrap_err();
    assert_eq!(error, LatencyError::Missing("w1 d1 r300".to_string()));
}

#[test]
fn two_who_extend_one_file_have_what_both_measured() {
    let (_folder, path) = kept();
    let clocks = [Known::default(), Known::default()];
    let open = |clock: &Known| Predictor::open(path.clone(), setup(), Some(Box::new(clock.clone()))).unwrap();
    let (mut one, mut other) = (open(&clocks[0]), open(&clocks[1]));
    let (first, second) = (b0(1.0, 1.0, 96), b0(1.0, 1.0, 64));
    one.measure(std::slice::from_ref(&first)).unwrap();
    other.measure(&[first, second]).unwrap();
    assert_eq!(*clocks[1].asked.borrow(), ["w1 d1 r64"], "what the first has measured is there");
    assert_eq!(open(&clocks[0]).table().networks.len(), a_few().len() + 2);
}

#[test]
fn what_was_measured_before_a_failure_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latency.json");
    let broken = Known { broken: Some("w1.2 d1.4 r190".to_string()), ..Known::default() };
    let mut predictor = Predictor::open(path.clone(), setup(), Some(Box::new(broken))).unwrap();
    predictor.measure(&a_few()[..4]).unwrap();
    assert_eq!(predictor.calibrate(&a_few()), Err(LatencyError::Clock("no memory is left".to_string())));
    let table = Predictor::open(path, setup(), None).unwrap().table().clone();
    assert_eq!((table.networks.len(), table.costs), (4, None));
}

#[test]
fn tables_of_another_question_or_machine() {
    let (_folder, path) = kept();
    let open = |setup: Setup| Predictor::open(path.clone(), setup, Some(Box::new(Known::default())));
    let sentence = |setup: Setup| open(setup).err().unwrap().to_string();
    assert!(sentence(Setup { batch: 8, ..setup() }).contains("with batch 1, not 8"));
    assert!(sentence(Setup { engine: "burn".into(), ..setup() }).contains("with engine compiled, not burn"));
    assert!(sentence(Setup { device: "wgpu".into(), ..setup() }).contains("with device flex, not wgpu"));
    let mut elsewhere = open(Setup { threads: 64, ..setup() }).unwrap();
    assert!(elsewhere.predict(&b0(1.0, 1.0, 300)).is_ok(), "what is known may be read anywhere");
    let error = elsewhere.measure(&[b0(1.0, 1.0, 300)]).unwrap_err().to_string();
    assert!(error.contains("another machine") && error.contains("lacks w1 d1 r300;"), "{error}");
}

#[test]
fn files_that_are_no_table_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latency.json");
    for text in ["", "{}", "{\"setup\": 3}", "not json", "[2]"] {
        std::fs::write(&path, text).unwrap();
        let error = Predictor::open(path.clone(), setup(), None).err().unwrap();
        let expected = matches!(error, LatencyError::Damaged { .. } | LatencyError::OtherVersion { .. });
        assert!(expected, "{text}: {error}");
        assert_eq!(error.to_string().lines().count(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    let nowhere = folder.path().join("not/there.json");
    let mut predictor = Predictor::open(nowhere, setup(), Some(Box::new(Known::default()))).unwrap();
    assert!(matches!(predictor.calibrate(&a_few()), Err(LatencyError::File { .. })));
}

#[test]
fn tables_of_other_formats_are_refused() {
    let (_folder, path) = kept();
    let now = std::fs::read_to_string(&path).unwrap();
    let mut table: serde_json::Value = serde_json::from_str(&now).unwrap();
    table["version"] = 3.into();
    std::fs::write(&path, table.to_string()).unwrap();
    let refused = || Predictor::open(path.clone(), setup(), None).err().unwrap().to_string();
    assert!(refused().contains("of format 3, and this program has 2; name another file"), "{}", refused());
    // The first format had no number, and pieces.
    table.as_object_mut().unwrap().remove("version");
    table["pieces"] = serde_json::json!({});
    std::fs::write(&path, table.to_string()).unwrap();
    assert!(refused().contains("of format 1, and"), "{}", refused());
    // Columns that are not this program's.
    let mut table: serde_json::Value = serde_json::from_str(&now).unwrap();
    table["costs"].as_object_mut().unwrap().insert("stem.luck".to_string(), 1.into());
    std::fs::write(&path, table.to_string()).unwrap();
    assert!(refused().contains("stem.luck"), "{}", refused());
}

#[test]
fn a_clock_that_stands_still_is_no_clock() {
    struct Wrong(f64, Option<Vec<f64>>);
    impl Clock for Wrong {
        fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Measured>, String> {
            Ok(vec![Measured { whole: timing(self.0), steps: self.1.clone() }; specs.len()])
        }
    }
    let count = a_few()[0].steps().len();
    for (whole, steps) in [
        (0.0, None),
        (f64::NAN, None),
        (1.0, Some(vec![-1.0; count])),
        (1.0, Some(vec![f64::INFINITY; count])),
    ] {
        let mut wrong = Wrong(whole, steps);
        let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(&mut wrong)));
        assert!(matches!(predictor.calibrate(&a_few()), Err(LatencyError::NoTime { .. })));
        assert!(predictor.table().networks.is_empty());
    }
    let mut short = Wrong(1.0, Some(vec![0.1]));
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(&mut short)));
    let error = predictor.calibrate(&a_few()).unwrap_err().to_string();
    assert!(error.contains("ran in 1 steps where"), "{error}");
}

#[test]
fn median_and_spread_of_repeats() {
    assert_eq!(
        Timing::of(&[3.0, 1.0, 2.0, 10.0]),
        Some(Timing { median_ms: 2.5, spread_ms: 1.0, repeats: 4 })
    );
    assert_eq!(Timing::of(&[7.0]), Some(Timing { median_ms: 7.0, spread_ms: 0.0, repeats: 1 }));
    assert_eq!(Timing::of(&[]), None);
}
