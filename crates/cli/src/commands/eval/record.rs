//! What an evaluation has said so far, kept in a file where it is asked for, so that a long one can be taken up again.
//!
//! JSON lines: first what is evaluated, then for each batch the predictions and the images left out. A batch is written
//! in one piece; a line that a crash cut in two is dropped, and its batch computed again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use efficientnet_data::{Source, Transform};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Prediction;
use crate::error::CliError;

/// What a line holds. The first format, without a number, had classes and no probabilities.
const FORMAT: u32 = 2;

/// What is evaluated: only a record of the same can be gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    #[serde(default)]
    format: u32,
    model: String,
    /// SHA-256 of the weights' file.
    weights: String,
    transform: String,
    #[serde(default)]
    flip: bool,
    /// SHA-256 of the ranges with which it computes in 8 bits, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    int8: Option<String>,
    images: usize,
    /// SHA-256 of the images' keys and classes, in their order.
    data: String,
}

impl Header {
    /// What a network of these weights, and these ranges for 8 bits, is to say of a source.
    ///
    /// # Errors
    /// [`CliError::Usage`] where a file cannot be read again.
    pub fn new(
        model: &str,
        (weights, int8): (&Path, Option<&Path>),
        transform: &Transform,
        flip: bool,
        source: &dyn Source,
    ) -> Result<Self, CliError> {
        let mut hasher = Sha256::new();
        for index in 0..source.len() {
            hasher.update(format!("{}\t{}\n", source.key(index), source.class(index)));
        }
        Ok(Self {
            format: FORMAT,
            model: model.to_string(),
            weights: hash_of(weights)?,
            int8: int8.map(hash_of).transpose()?,
            transform: transform.to_string(),
            flip,
            images: source.len(),
            data: hexadecimal(hasher),
        })
    }
}

fn hash_of(path: &Path) -> Result<String, CliError> {
    hash(path).map_err(|error| CliError::reading(path, &error))
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hexadecimal(hasher)),
            length => hasher.update(&piece[..length]),
        }
    }
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The results of one batch.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Batch {
    predictions: Vec<Prediction>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
}

/// Results, and the file that keeps them; by default there is none.
#[derive(Default)]
pub struct Record {
    results: Batch,
    file: Option<(File, PathBuf)>,
}

impl Record {
    /// A record in `path`. With `resume` an existing one is gone on with.
    ///
    /// # Errors
    /// [`CliError::Usage`] where the file exists and is not to be gone on with, or is of another evaluation.
    pub fn open(path: &Path, resume: bool, header: &Header) -> Result<Self, CliError> {
        if path.exists() && !resume {
            let sentence = format!(
                "{} exists; go on with it with --resume, or give another name to --out",
                path.display()
            );
            return Err(CliError::Usage(sentence));
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(|error| CliError::writing(path, &error))?;
        let (results, end) = read(&file, path, header)?;
        let write = |file: &mut File| {
            // What was cut in two goes away.
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            if end == 0 { write_line(file, header) } else { Ok(()) }
        };
        write(&mut file).map_err(|error| CliError::writing(path, &error))?;
        Ok(Self { results, file: Some((file, path.to_path_buf())) })
    }

    /// Images that were dealt with.
    pub fn done(&self) -> usize {
        self.results.predictions.len() + self.results.skipped.len()
    }

    /// Keeps a batch's results.
    pub fn add(&mut self, predictions: Vec<Prediction>, skipped: Vec<String>) -> Result<(), CliError> {
        let mut batch = Batch { predictions, skipped };
        if let Some((file, path)) = &mut self.file {
            write_line(file, &batch).map_err(|error| CliError::writing(path, &error))?;
        }
        self.results.predictions.append(&mut batch.predictions);
        self.results.skipped.append(&mut batch.skipped);
        Ok(())
    }

    /// The predictions, and the images left out.
    pub fn into_parts(self) -> (Vec<Prediction>, Vec<String>) {
        (self.results.predictions, self.results.skipped)
    }
}

fn write_line(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// The results of a record, and where its last whole line ends.
fn read(file: &File, path: &Path, header: &Header) -> Result<(Batch, u64), CliError> {
    let mut results = Batch::default();
    let mut reader = BufReader::new(file);
    let (mut line, mut end) = (Vec::new(), 0);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(|error| CliError::reading(path, &error))?;
        if !line.ends_with(b"\n") {
            // The end, or a line cut in two.
            return Ok((results, end));
        }
        if end == 0 {
            check(&line, path, header)?;
        } else {
            let batch = serde_json::from_slice::<Batch>(&line);
            let mut batch = batch.map_err(|error| no_record(path, &error))?;
            results.predictions.append(&mut batch.predictions);
            results.skipped.append(&mut batch.skipped);
        }
        end += length as u64;
    }
}

fn check(line: &[u8], path: &Path, header: &Header) -> Result<(), CliError> {
    let found: Header = serde_json::from_slice(line).map_err(|error| no_record(path, &error))?;
    if found == *header {
        return Ok(());
    }
    if found.format != header.format {
        return Err(CliError::Usage(format!(
            "{} was written by another release, whose records cannot be gone on with (they do not hold the same); give \
             another name to --out",
            path.display()
        )));
    }
    Err(CliError::Usage(format!(
        "{} records {} on {} images, which is another evaluation than this one (other weights, transform or images, or --flip); \
         give another name to --out",
        path.display(),
        found.model,
        found.images
    )))
}

fn no_record(path: &Path, error: &serde_json::Error) -> CliError {
    CliError::Usage(format!(
        "{} is no record of an evaluation ({error}); give another name to --out",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use efficientnet_runs::scores::Outcome;

    use super::*;

    fn header(model: &str) -> Header {
        Header {
            format: FORMAT,
            model: model.to_string(),
            weights: "w".to_string(),
            transform: "t".to_string(),
            flip: false,
            int8: None,
            images: 3,
            data: String::new(),
        }
    }

    fn prediction(label: usize) -> Prediction {
        // Probabilities that have no short decimal form.
        let outcome = Outcome::from_logits(&[0.1, 0.7, 1.0 / 3.0], label, 0.0);
        Prediction { path: format!("{label}.jpg"), outcome }
    }

    fn refused(path: &Path, resume: bool, model: &str) -> String {
        match Record::open(path, resume, &header(model)) {
            Err(CliError::Usage(sentence)) => sentence,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it opened"),
        }
    }

    #[test]
    fn a_record_is_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eval.jsonl");
        let mut record = Record::open(&path, false, &header("b0")).unwrap();
        record.add(vec![prediction(1)], vec!["torn".to_string()]).unwrap();
        drop(record);
        // As a crash leaves it.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"predictions\":[{\"pa").unwrap();
        let mut record = Record::open(&path, true, &header("b0")).unwrap();
        assert_eq!(record.done(), 2);
        record.add(vec![prediction(2)], Vec::new()).unwrap();
        let (predictions, skipped) = Record::open(&path, true, &header("b0")).unwrap().into_parts();
        assert_eq!(predictions, [prediction(1), prediction(2)]);
        assert_eq!(skipped, ["torn"]);
    }

    #[test]
    fn other_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eval.jsonl");
        drop(Record::open(&path, true, &header("b0")).unwrap());
        assert!(refused(&path, false, "b0").contains("--resume"));
        assert!(refused(&path, true, "b1").contains("another evaluation"));
        let flipped = Record::open(&path, true, &Header { flip: true, ..header("b0") });
        assert!(matches!(flipped, Err(CliError::Usage(_))));
        let in_bytes = Header { int8: Some("r".to_string()), ..header("b0") };
        assert!(matches!(Record::open(&path, true, &in_bytes), Err(CliError::Usage(_))));
        std::fs::write(&path, "dear diary\n").unwrap();
        assert!(refused(&path, true, "b0").contains("is no record of an evaluation"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary\n");
    }

    #[test]
    fn a_record_of_the_first_format_is_named_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eval.jsonl");
        let first = r#"{"model":"b0","weights":"w","transform":"t","images":3,"data":""}
{"predictions":[{"path":"1.jpg","label":1,"top5":[1]}]}
"#;
        std::fs::write(&path, first).unwrap();
        assert!(refused(&path, true, "b0").contains("written by another release"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    }
}
