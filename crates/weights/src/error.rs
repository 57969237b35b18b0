//! What can be wrong with a weights file, a download or a request, each as one sentence to act on.

use std::{fmt, io, path::PathBuf};

use efficientnet_download::io_reason;
use thiserror::Error;

/// How many names a sentence lists before it only counts.
const LISTED: usize = 8;

/// Why weights could not be read, recognised, written or downloaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("{} cannot be {action}: {}", .path.display(), io_reason(.source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a participle: `read`, `written`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a weights file ({reason}); give a .safetensors file or a PyTorch checkpoint", .path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The file ends early.
    #[error("{} is cut off: {reason}; copy or download it again", .path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// What is missing, in bytes where that is known.
        reason: String,
    },
    /// The file contradicts itself.
    #[error("{} is damaged: {reason}; copy or download it again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The tensors are not those of the network that was asked for, or of any known network.
    #[error("{0}")]
    Mismatch(Box<Difference>),
    /// The naming has no names for this network's layers.
    #[error("the {naming} naming has no names for {model}; save it as one of {}", .instead.join(", "))]
    NoNames {
        /// The naming.
        naming: &'static str,
        /// The network.
        model: String,
        /// Namings that do.
        instead: Vec<&'static str>,
    },
    /// Tensors hold infinities or values that are not numbers.
    #[error("{} holds values that are not finite: {}; it is of no use, train or download it again",
        .path.display(), list(.tensors))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Which tensors, by their names in the file.
        tensors: Vec<NotFinite>,
    },
    /// A tensor was asked for that the network does not have, or a second time.
    #[error(
        "there is no tensor `{name}` left to take; the network has the names of `ArchSpec::tensors`, each once"
    )]
    NoTensor {
        /// What was asked for.
        name: String,
    },
    /// Values in memory do not fill their tensor.
    #[error("tensor `{name}` has shape {shape:?}, which is {} values, and {found} were given", .shape.iter().product::<usize>())]
    WrongLength {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many values were given.
        found: usize,
    },
    /// No naming is called so.
    #[error("no naming is called `{word}`; there are {}", crate::Naming::list())]
    UnknownNaming {
        /// What was asked for.
        word: String,
    },
    /// No network is called so.
    #[error(transparent)]
    Arch(#[from] efficientnet_arch::ArchError),
    /// The file is there and was not to be overwritten.
    #[error("{} exists; ask for it to be overwritten or give another name", .0.display())]
    Exists(PathBuf),
    /// No published checkpoint is called so.
    #[error("no published checkpoint is called `{name}`; {}", crate::registry::suggestion(.nearest))]
    UnknownCheckpoint {
        /// What was asked for.
        name: String,
        /// Names that are spelled alike, nearest first.
        nearest: Vec<String>,
    },
    /// The download failed.
    #[error("{url} cannot be downloaded: {reason}")]
    Download {
        /// The address.
        url: String,
        /// What went wrong and what to do.
        reason: String,
    },
    /// What came is not what was published.
    #[error(
        "{url} is not the published file: {what} is {found} and should be {expected}; \
        the download was thrown away, try again or report the address"
    )]
    Tampered {
        /// The address.
        url: String,
        /// Which quantity differs.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// A tensor whose shape is not the network's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisShaped {
    /// Name in the file.
    pub name: String,
    /// Shape that the network needs, in the file's layout.
    pub expected: Vec<usize>,
    /// Shape in the file.
    pub found: Vec<usize>,
}

/// A tensor with values that are infinite or not numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFinite {
    /// Name in the file.
    pub name: String,
    /// How many of its values.
    pub count: usize,
    /// How many values it has.
    pub of: usize,
}

/// How a file's tensors differ from those of a network, under the naming that fits best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub path: PathBuf,
    /// The network that was asked for, or the one that comes nearest.
    pub model: String,
    /// The naming that comes nearest.
    pub naming: crate::Naming,
    /// Whether the caller asked for this network.
    pub asked: bool,
    /// Names and shapes (in the file's layout) that the network needs and the file lacks.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Names and shapes in the file that the network has no use for.
    pub unused: Vec<(String, Vec<usize>)>,
    /// Names that both have, with different shapes.
    pub mis_shaped: Vec<MisShaped>,
}

impl Difference {
    /// Number of tensors that differ.
    pub fn len(&self) -> usize {
        self.missing.len() + self.unused.len() + self.mis_shaped.len()
    }

    /// True where the file holds exactly the network's tensors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, model, naming, .. } = self;
        match self.asked {
            true => write!(f, "{} does not hold {model} (read in {naming} naming)", path.display())?,
            false => write!(
                f,
                "{} holds no known network; {model} in {naming} naming comes nearest",
                path.display()
            )?,
        }
        let shaped = |tensors: &[(String, Vec<usize>)]| -> Vec<String> {
            tensors.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect()
        };
        for (what, tensors) in [("missing", shaped(&self.missing)), ("unused", shaped(&self.unused))] {
            if !tensors.is_empty() {
                write!(f, "; {} {what}: {}", tensors.len(), list(&tensors))?;
            }
        }
        if !self.mis_shaped.is_empty() {
            write!(f, "; {} of another shape: {}", self.mis_shaped.len(), list(&self.mis_shaped))?;
        }
        Ok(())
    }
}

impl fmt::Display for MisShaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (expected {:?}, found {:?})", self.name, self.expected, self.found)
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} of {} values)", self.name, self.count, self.of)
    }
}

/// The first few, and how many more.
fn list(items: &[impl fmt::Display]) -> String {
    let shown: Vec<String> = items.iter().take(LISTED).map(ToString::to_string).collect();
    match items.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl WeightsError {
    pub(crate) fn io(path: &std::path::Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), action, source }
    }
}
