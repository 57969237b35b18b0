//! What is known about a data set before its files are here: who made it, what is in it, where it is.
//!
//! One file a data set, `datasets/*.toml`, part of the program. A hash stands there only where somebody who has the file
//! published it; a data set whose publisher does not give the files to everybody says what to do by hand.

mod check;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What commands call it: `cifar10`.
    pub name: String,
    /// What people call it: `CIFAR-10`.
    pub title: String,
    /// Whom to cite.
    pub citation: String,
    /// SPDX identifier where there is one, else the publisher's terms in a few words.
    pub licence: String,
    /// The publisher's page, where there still is one.
    pub homepage: Option<String>,
    /// What to do instead, where the files cannot be downloaded by a program: the middle of a sentence.
    pub by_hand: Option<String>,
    /// Its classes.
    pub classes: Classes,
    /// Its parts, training first.
    #[serde(rename = "split")]
    pub splits: Vec<Split>,
    /// The publisher's files; none where the program draws the images itself.
    #[serde(rename = "file", default)]
    pub files: Vec<DataFile>,
    /// What is in the files.
    pub layout: Layout,
}

/// The classes of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// How many.
    pub count: usize,
    /// Where their names and order come from.
    pub from: String,
    /// The names in their order, where the files do not have them or they are few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// A part of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// `train`, `val`, `test`, or `all` where the publisher has no parts.
    pub name: String,
    /// How many images.
    pub images: u64,
    /// Where it is inside the data set's folder, where it has a place of its own.
    pub open: Option<String>,
    /// The publisher's list of its images, inside the data set's folder; [`Layout::list_format`] says how it is read.
    pub list: Option<String>,
    /// The folder of the images in that list, inside the data set's folder.
    pub images_in: Option<String>,
    /// What the list has the images under, where it is one of variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
}

/// One of the publisher's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Its address; none where it has to be got by hand.
    pub url: Option<String>,
    /// Its name, where the address does not end in it.
    pub name: Option<String>,
    /// Its length.
    pub bytes: Option<u64>,
    /// SHA-256 of the whole file, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// MD5 of the whole file, lower-case hexadecimal.
    pub md5: Option<String>,
    /// Whether it is an archive that has to be unpacked.
    #[serde(default)]
    pub unpack: bool,
}

/// What is inside, and who reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Which kind of source reads it.
    pub source: Reader,
    /// What to open inside the data set's folder, where all splits are in one place.
    pub open: Option<String>,
    /// How the publisher's lists of images are written, where there are such.
    pub list_format: Option<ListFormat>,
    /// The publisher's file of every image's class, inside the data set's folder, where the lists do not have them.
    pub labels_in: Option<String>,
    /// How labels are found, for people.
    pub labels: String,
}

/// The kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// CIFAR-10's binaries.
    Cifar10,
    /// CIFAR-100's binaries.
    Cifar100,
    /// A folder with a folder for each class.
    Folder,
    /// A table of images and classes.
    Csv,
    /// Drawn by the program.
    Shapes,
}

/// How a publisher's list of images is written; but for the last, one image a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListFormat {
    /// `0034309 Boeing 707-320`: `0034309.jpg`, and its class behind the first space.
    ImageThenClass,
    /// `yorkshire_terrier_1 37 2 25`: `yorkshire_terrier_1.jpg`, its class before the last underscore.
    ClassAndNumber,
    /// `apple_pie/1005649`: `apple_pie/1005649.jpg`, its class before the slash.
    ClassSlashImage,
    /// A MATLAB file with the images' numbers, from 1, in [`Split::variables`]. Image 7 is `image_00007.jpg`; its class,
    /// from 1, is the seventh number of the variable `labels` in [`Layout::labels_in`].
    MatlabNumbers,
}

/// Why a data set is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// No data set is called so.
    #[error("no data set is called `{name}`; {}", suggestion(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that are spelled alike, nearest first.
        nearest: Vec<String>,
    },
    /// A manifest is no TOML, or lacks something.
    #[error("{name} is no manifest of a data set: {reason}")]
    Syntax {
        /// The file.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A manifest contradicts itself.
    #[error("the manifest of {name} contradicts itself: {reason}")]
    Contradiction {
        /// The data set.
        name: String,
        /// What does not fit.
        reason: String,
    },
}

/// The text of every manifest, by the name of its file.
const FILES: [(&str, &str); 11] = [
    ("shapes.toml", include_str!("../../../datasets/shapes.toml")),
    ("cifar10.toml", include_str!("../../../datasets/cifar10.toml")),
    ("cifar100.toml", include_str!("../../../datasets/cifar100.toml")),
    ("trashnet.toml", include_str!("../../../datasets/trashnet.toml")),
    ("imagenet-1k.toml", include_str!("../../../datasets/imagenet-1k.toml")),
    ("birdsnap.toml", include_str!("../../../datasets/birdsnap.toml")),
    ("stanford-cars.toml", include_str!("../../../datasets/stanford-cars.toml")),
    ("flowers102.toml", include_str!("../../../datasets/flowers102.toml")),
    ("fgvc-aircraft.toml", include_str!("../../../datasets/fgvc-aircraft.toml")),
    ("oxford-pets.toml", include_str!("../../../datasets/oxford-pets.toml")),
    ("food101.toml", include_str!("../../../datasets/food101.toml")),
];

static ALL: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
    let parsed: Result<Vec<_>, _> = FILES.iter().map(|(name, text)| Manifest::parse(name, text)).collect();
    #[allow(clippy::expect_used)]
    parsed.expect("the manifests are part of the program; a test reads them")
});

impl Manifest {
    /// Every data set that the program knows.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The data set with a name. Case, hyphens and underscores do not matter.
    ///
    /// # Errors
    /// [`ManifestError::Unknown`], which offers the nearest names.
    pub fn get(name: &str) -> Result<&'static Self, ManifestError> {
        let wanted = plain(name);
        ALL.iter().find(|known| plain(&known.name) == wanted).ok_or_else(|| unknown(name))
    }

    /// Reads a manifest; `file` is what errors call it.
    ///
    /// # Errors
    /// [`ManifestError`] where it is no TOML, has unknown fields or lacks some, or contradicts itself.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Syntax {
            name: file.to_string(),
            reason: error.to_string().trim_end().to_string(),
        })?;
        match check::contradiction(&manifest) {
            None => Ok(manifest),
            Some(reason) => Err(ManifestError::Contradiction { name: manifest.name, reason }),
        }
    }

    /// What to open in the data set's folder, which shows all splits; none where no source reads it as it comes.
    pub fn open_in(&self, folder: &Path) -> Option<PathBuf> {
        let one = self.layout.open.as_deref().or(match &self.splits[..] {
            [split] => split.open.as_deref(),
            _ => None,
        });
        let several = || self.splits.iter().all(|split| split.open.is_some()).then(|| folder.to_path_buf());
        one.map(|inside| join(folder, inside)).or_else(several)
    }

    /// How many images there are in all splits.
    pub fn images(&self) -> u64 {
        self.splits.iter().map(|split| split.images).sum()
    }

    /// The length of all files together, where all are known.
    pub fn bytes(&self) -> Option<u64> {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl DataFile {
    /// Its name on the disk.
    pub fn file_name(&self) -> &str {
        let of_url = || {
            let path = self.url.as_deref()?.split(['?', '#']).next()?;
            path.rsplit('/').next()
        };
        self.name.as_deref().or_else(of_url).unwrap_or_default()
    }
}

/// `folder` and a manifest's path, which has `/` on every system.
pub(crate) fn join(folder: &Path, inside: &str) -> PathBuf {
    inside.split('/').fold(folder.to_path_buf(), |path, part| path.join(part))
}

/// A name without what people do not remember of it.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn unknown(name: &str) -> ManifestError {
    let wanted = plain(name);
    let likeness = |known: &&Manifest| strsim::normalized_damerau_levenshtein(&wanted, &plain(&known.name));
    let part = |known: &&Manifest| !wanted.is_empty() && plain(&known.name).contains(&wanted);
    let mut near: Vec<&Manifest> = ALL.iter().filter(|known| part(known) || likeness(known) >= 0.6).collect();
    near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let nearest = near.into_iter().take(3).map(|known| known.name.clone()).collect();
    ManifestError::Unknown { name: name.to_string(), nearest }
}

fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => "`efficientnet data list` shows them all".to_string(),
        names => format!("did you mean {}?", names.join(", ")),
    }
}
