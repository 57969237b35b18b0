//! Errors as a person meets them: one sentence, and an exit status that says whose turn it is.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use efficientnet_data::npy::NpyError;
use efficientnet_data::{DownloadError, FetchError, SplitError};
use efficientnet_model::ModelError;
use efficientnet_search::StudyError;
use efficientnet_search::latency::LatencyError;
use efficientnet_search::report::ReportError;
use efficientnet_train::TrainError;
use efficientnet_weights::WeightsError;

use crate::interrupt;

/// Why a command ended early.
#[derive(Debug)]
pub enum CliError {
    /// The user can mend it: exit status 2.
    Usage(String),
    /// Something else failed: exit status 1.
    Failure(String),
    /// Ctrl-C: exit status 130, as a shell reports it.
    Interrupted,
    /// The reader of our output went away (`| head`): not an error.
    OutputClosed,
}

impl CliError {
    /// Prints the sentence and gives the exit status.
    pub fn report(&self) -> ExitCode {
        match (self.failure(), self) {
            (Some((sentence, status)), _) => say(sentence, status),
            (None, Self::OutputClosed) => ExitCode::SUCCESS,
            (None, _) => say("interrupted", 130),
        }
    }

    /// Sentence and exit status, where something went wrong.
    pub fn failure(&self) -> Option<(&str, u8)> {
        match self {
            Self::Usage(sentence) => Some((sentence, 2)),
            Self::Failure(sentence) => Some((sentence, 1)),
            Self::Interrupted | Self::OutputClosed => None,
        }
    }

    /// Reading a file that the user named failed.
    pub fn reading(path: &Path, error: &io::Error) -> Self {
        Self::Usage(format!("{} cannot be read: {error}", path.display()))
    }

    /// Writing a file failed.
    pub fn writing(path: &Path, error: &io::Error) -> Self {
        Self::Failure(format!("{} cannot be written: {error}", path.display()))
    }
}

fn say(sentence: &str, status: u8) -> ExitCode {
    eprintln!("error: {sentence}");
    ExitCode::from(status)
}

/// Burn reports what a device cannot do (memory above all) by panicking: that becomes a sentence, too.
pub fn describe_panics() {
    std::panic::set_hook(Box::new(|info| {
        // A damaged image made a decoder panic, and that becomes an error with the file's name.
        if efficientnet_data::catches_panics() {
            return;
        }
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let place = info.location().map_or(String::new(), |place| format!(" ({place})"));
        eprintln!("error: the computation failed: {}{place}", text.lines().next().unwrap_or_default());
        if let Some(abort) = ABORT.get() {
            abort();
        }
        std::process::exit(1);
    }));
}

/// What ends the other processes, where there are any.
static ABORT: OnceLock<fn()> = OnceLock::new();

/// Has a panic end the processes that would otherwise wait for this one.
#[cfg(feature = "mpi")]
pub fn abort_on_panic(abort: fn()) {
    // A second call has nothing to add.
    let _ = ABORT.set(abort);
}

macro_rules! usage {
    ($($error:ty),+) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::Usage(error.to_string())
            }
        })+
    };
}

usage!(
    efficientnet_arch::ArchError,
    efficientnet_backend::BackendError,
    efficientnet_data::ClassListError,
    efficientnet_data::FolderError,
    efficientnet_data::ImageError,
    efficientnet_data::LoaderError,
    efficientnet_data::ManifestError,
    efficientnet_data::SourceError,
    efficientnet_data::TransformError,
    efficientnet_runs::recipe::RecipeError,
    efficientnet_runs::scores::ScoreError,
    efficientnet_scaling::ScalingError,
    efficientnet_search::EvolveError,
    efficientnet_search::PlanError
);

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Model(error) => error.into(),
            TrainError::Weights(error) => error.into(),
            TrainError::Split(error) => error.into(),
            TrainError::Device(_)
            | TrainError::Ranks(_)
            | TrainError::NotFinite { .. }
            | TrainError::NothingRead { .. }
            | TrainError::Journal(_)
            | TrainError::Board(_) => Self::Failure(error.to_string()),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<StudyError> for CliError {
    fn from(error: StudyError) -> Self {
        match error {
            StudyError::Fatal(_) | StudyError::Strategy(_) | StudyError::Lines(_) => {
                Self::Failure(error.to_string())
            }
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Study(error) => error.into(),
            ReportError::Plan(error) => error.into(),
            ReportError::Evolve(error) => error.into(),
            ReportError::Write { .. } => Self::Failure(error.to_string()),
        }
    }
}

impl From<LatencyError> for CliError {
    fn from(error: LatencyError) -> Self {
        match error {
            // A clock has only a sentence to say why it stopped.
            LatencyError::Clock(_) if interrupt::asked() => Self::Interrupted,
            LatencyError::Clock(_) | LatencyError::NoTime { .. } => Self::Failure(error.to_string()),
            LatencyError::File { action, .. } if action != "read" => Self::Failure(error.to_string()),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<WeightsError> for CliError {
    fn from(error: WeightsError) -> Self {
        let sentence = error.to_string();
        match error {
            WeightsError::Download { .. } | WeightsError::Tampered { .. } => Self::Failure(sentence),
            WeightsError::Io { action, .. } if action != "read" => Self::Failure(sentence),
            _ => Self::Usage(sentence),
        }
    }
}

impl From<NpyError> for CliError {
    fn from(error: NpyError) -> Self {
        match error {
            NpyError::Write { .. } => Self::Failure(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::ByHand { .. } | FetchError::Download(DownloadError::Different { .. }) => {
                Self::Usage(error.to_string())
            }
            _ => Self::Failure(error.to_string()),
        }
    }
}

impl From<SplitError> for CliError {
    fn from(error: SplitError) -> Self {
        match error {
            SplitError::Write { .. } => Self::Failure(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<ModelError> for CliError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Weights(error) => error.into(),
            other => Self::Usage(other.to_string()),
        }
    }
}
