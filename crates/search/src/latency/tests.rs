//! Tables and predictions by a clock whose times are known.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use efficientnet_arch::{ArchSpec, Coefficients, Piece};

use super::*;

/// A pass takes 1.5 ms and 0.8 of its pieces; a piece takes what its length in letters says.
#[derive(Clone, Default)]
struct Known {
    asked: Rc<RefCell<Vec<String>>>,
    /// Fails at this piece.
    broken: Option<String>,
}

fn piece_ms(piece: &Piece) -> f64 {
    piece.key().len() as f64 / 100.0
}

fn sum_ms(spec: &ArchSpec) -> f64 {
    spec.pieces().iter().map(piece_ms).sum()
}

fn timing(median_ms: f64) -> Timing {
    Timing { median_ms, spread_ms: 0.0, repeats: 5 }
}

impl Clock for Known {
    fn pieces(&mut self, pieces: &[Piece]) -> Result<Vec<Timing>, String> {
        if let Some(broken) = &self.broken
            && pieces.iter().any(|piece| piece.key() == broken)
        {
            return Err("no memory is left".to_string());
        }
        self.asked.borrow_mut().extend(pieces.iter().map(|piece| piece.key().to_string()));
        Ok(pieces.iter().map(|piece| timing(piece_ms(piece))).collect())
    }

    fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Timing>, String> {
        self.asked.borrow_mut().extend(specs.iter().map(|spec| spec.name.clone()));
        Ok(specs.iter().map(|spec| timing(1.5 + 0.8 * sum_ms(spec))).collect())
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
    vec![b0(1.0, 1.0, 224), b0(1.0, 2.0, 224), b0(0.5, 1.0, 128), b0(1.5, 1.0, 160)]
}

#[test]
fn the_same_piece_is_measured_once() {
    let clock = Known::default();
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(clock.clone())));
    let base = b0(1.0, 1.0, 224);
    let sum = predictor.predict(&base).unwrap();
    assert!((sum - sum_ms(&base)).abs() < 1e-9);
    // 18 layers of the table in 17 pieces, of which 2 stand there twice or more.
    assert_eq!(clock.asked.borrow().len(), 14);
    // Deeper networks have the same blocks more often, but for a second one in the first stage and in the last.
    predictor.predict(&b0(1.0, 2.0, 224)).unwrap();
    assert_eq!(clock.asked.borrow().len(), 16);
    predictor.predict(&base).unwrap();
    predictor.learn(&base.pieces()).unwrap();
    assert_eq!(clock.asked.borrow().len(), 16);
}

#[test]
fn the_correction_is_found_and_the_error_is_that_of_other_networks() {
    let clock = Known::default();
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(clock.clone())));
    predictor.calibrate(&a_few()).unwrap();
    let correction = predictor.table().correction.unwrap();
    assert!((correction.offset_ms - 1.5).abs() < 1e-6 && (correction.slope - 0.8).abs() < 1e-6);
    let other = b0(1.2, 1.4, 190);
    assert!((predictor.predict(&other).unwrap() - (1.5 + 0.8 * sum_ms(&other))).abs() < 1e-6);
    let accuracy = predictor.table().accuracy().unwrap();
    assert!(accuracy.worst_percent < 1e-6 && accuracy.networks == 4, "{accuracy:?}");
    let key = crate::NetworkKey::of(&a_few()[1]);
    let by_others = predictor.table().predicted_by_others(key).unwrap();
    assert!((by_others - (1.5 + 0.8 * sum_ms(&a_few()[1]))).abs() < 1e-6);
    assert_eq!(predictor.table().predicted_by_others(crate::NetworkKey::of(&other)), None);
    // A network measured once is not measured again.
    let asked = clock.asked.borrow().len();
    predictor.calibrate(&a_few()).unwrap();
    assert_eq!(clock.asked.borrow().len(), asked);
}

#[test]
fn a_correction_that_is_there_stays() {
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(Known::default())));
    predictor.calibrate_once(&a_few()[..2]).unwrap();
    let first = predictor.table().correction;
    assert_eq!(first.unwrap().networks, 2);
    predictor.calibrate_once(&a_few()).unwrap();
    assert_eq!(predictor.table().correction, first);
    predictor.calibrate(&a_few()).unwrap();
    assert_eq!(predictor.table().correction.unwrap().networks, 4);
}

#[test]
fn without_a_clock_only_what_is_known() {
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(Known::default())));
    predictor.calibrate(&a_few()).unwrap();
    let mut reader = Predictor::new(predictor.table().clone(), None);
    assert_eq!(reader.predict(&a_few()[0]), predictor.predict(&a_few()[0]));
    let error = reader.predict(&b0(1.0, 1.0, 300)).unwrap_err();
    assert!(matches!(&error, LatencyError::Missing(piece) if piece.starts_with("stem 300px")), "{error}");
}

/// A folder with a table of the first network.
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
    let mut again = Predictor::open(path.clone(), setup(), Some(Box::new(clock.clone()))).unwrap();
    let expected = 1.5 + 0.8 * sum_ms(&a_few()[2]);
    assert!((again.predict(&a_few()[2]).unwrap() - expected).abs() < 1e-6);
    assert!(clock.asked.borrow().is_empty());
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(serde_json::from_str::<LatencyTable>(&text).unwrap(), *again.table());
    assert!(text.contains("\"stem 224px same silu: 3x3/2 3-32 act"), "{text}");
}

#[test]
fn two_who_share_a_file_have_the_same_numbers() {
    let (_folder, path) = kept();
    let mut clocks = [Known::default(), Known::default()];
    clocks[1].broken = Some(b0(1.0, 1.0, 300).pieces()[0].key().to_string());
    let [mut first, mut second] =
        clocks.clone().map(|clock| Predictor::open(path.clone(), setup(), Some(Box::new(clock))).unwrap());
    let new = b0(1.0, 1.0, 300);
    let times = (first.predict(&new).unwrap(), second.predict(&new).unwrap());
    assert_eq!(times.0, times.1);
    assert!(clocks[1].asked.borrow().is_empty(), "the second reads what the first has measured");
}

#[test]
fn what_was_measured_before_a_failure_is_kept() {
    let (_folder, path) = kept();
    let new = b0(1.0, 1.0, 300);
    let last = new.pieces().last().unwrap().key().to_string();
    let (pieces, broken) = (new.pieces(), Some(last.clone()));
    // Two heaps: 16 pieces of one network, then one of which the last fails.
    let other = b0(2.0, 1.0, 300).pieces();
    let all: Vec<Piece> = other.iter().chain(&pieces).cloned().collect();
    let clock = Known { broken, ..Known::default() };
    let mut predictor = Predictor::open(path.clone(), setup(), Some(Box::new(clock))).unwrap();
    assert_eq!(predictor.learn(&all), Err(LatencyError::Clock("no memory is left".to_string())));
    let mut again = Predictor::open(path, setup(), None).unwrap();
    assert!(again.table().pieces.contains_key(other[0].key()));
    assert!(!again.table().pieces.contains_key(&last));
    assert!(again.predict(&a_few()[0]).is_ok());
}

#[test]
fn a_table_of_another_question_or_machine() {
    let (_folder, path) = kept();
    let open = |setup: Setup| Predictor::open(path.clone(), setup, Some(Box::new(Known::default())));
    let sentence = |setup: Setup| open(setup).err().unwrap().to_string();
    assert!(sentence(Setup { batch: 8, ..setup() }).contains("with batch 1, not 8"));
    assert!(sentence(Setup { engine: "burn".into(), ..setup() }).contains("with engine compiled, not burn"));
    assert!(sentence(Setup { device: "wgpu".into(), ..setup() }).contains("with device flex, not wgpu"));
    let mut elsewhere = open(Setup { threads: 64, ..setup() }).unwrap();
    assert!(elsewhere.predict(&a_few()[0]).is_ok(), "what is known may be read anywhere");
    let error = elsewhere.predict(&b0(1.0, 1.0, 300)).unwrap_err().to_string();
    assert!(error.contains("another machine") && error.contains("64 threads"), "{error}");
}

#[test]
fn files_that_are_no_table_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latency.json");
    for text in ["", "{}", "{\"setup\": 3}", "not json"] {
        std::fs::write(&path, text).unwrap();
        let error = Predictor::open(path.clone(), setup(), None).err().unwrap();
        assert!(matches!(error, LatencyError::Damaged { .. }), "{text}: {error}");
        assert_eq!(error.to_string().lines().count(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    let nowhere = folder.path().join("not/there.json");
    let mut predictor = Predictor::open(nowhere, setup(), Some(Box::new(Known::default()))).unwrap();
    assert!(matches!(predictor.predict(&a_few()[0]), Err(LatencyError::File { .. })));
}

#[test]
fn a_clock_that_stands_still_is_no_clock() {
    struct Still;
    impl Clock for Still {
        fn pieces(&mut self, pieces: &[Piece]) -> Result<Vec<Timing>, String> {
            Ok(vec![timing(0.0); pieces.len()])
        }
        fn networks(&mut self, specs: &[ArchSpec]) -> Result<Vec<Timing>, String> {
            Ok(vec![timing(f64::NAN); specs.len()])
        }
    }
    let mut still = Still;
    let mut predictor = Predictor::new(LatencyTable::new(setup()), Some(Box::new(&mut still)));
    assert!(matches!(predictor.predict(&a_few()[0]), Err(LatencyError::NoTime { .. })));
    assert!(predictor.table().pieces.is_empty());
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
