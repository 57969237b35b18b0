//! What a set of weights implies beside its tensors, and why that is believed.
//!
//! In this order: what the caller says; what the file says (files that this crate wrote do); what was published under the
//! file's name; what the naming says (torchvision pads evenly, Keras and TF-slim as TensorFlow does); and else the usual
//! value, marked as an assumption.

use std::fmt;

use efficientnet_arch::{ArchSpec, Padding};
use serde::Serialize;

mod evidence;
mod family;

pub(crate) use evidence::Evidence;
pub(crate) use family::usual_transform;

/// What the weights were trained with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Implied {
    /// The preprocessing of an image, as one line in the transform grammar.
    pub transform: String,
    /// Index of the logit of the first class: 1 where logit 0 is the background, else 0.
    pub class_offset: usize,
    /// Border rule of the convolutions.
    pub padding: Padding,
    /// Epsilon of batch normalisation.
    pub bn_epsilon: f64,
    /// Each of these with the reason why it is believed.
    pub facts: Vec<Fact>,
}

/// One implied quantity and why it is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Which quantity.
    pub what: &'static str,
    /// Its value, printed.
    pub value: String,
    /// Where it comes from.
    pub because: String,
    /// True where nothing decides it and the usual value was taken.
    pub assumed: bool,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, because, assumed } = self;
        let word = if *assumed { "assumed: " } else { "" };
        write!(f, "{what}: {value} ({word}{because})")
    }
}

/// A value with its reason.
#[derive(Clone)]
struct Belief<T> {
    value: T,
    because: String,
    assumed: bool,
}

impl<T> Belief<T> {
    fn known(value: T, because: impl Into<String>) -> Self {
        Self { value, because: because.into(), assumed: false }
    }

    fn assumed(value: T, because: impl Into<String>) -> Self {
        Self { value, because: because.into(), assumed: true }
    }

    fn fact(&self, what: &'static str, print: impl Fn(&T) -> String) -> Fact {
        let Self { value, because, assumed } = self;
        Fact { what, value: print(value), because: because.clone(), assumed: *assumed }
    }
}

impl Implied {
    /// What a network from memory implies: its own constants, and the usual preprocessing of its family.
    pub(crate) fn of_spec(spec: &ArchSpec) -> Self {
        let because = "the network's own";
        Self::new(
            Belief::known(spec.padding, because),
            Belief::known(spec.batch_norm.epsilon, because),
            Belief::assumed(usual_transform(spec), "usual for this family"),
            evidence::offset_by_count(spec.num_classes),
        )
    }

    pub(crate) fn decide(evidence: &Evidence) -> Self {
        let padding = evidence.padding();
        let epsilon = evidence.bn_epsilon(&padding);
        let transform = evidence.transform(&padding);
        Self::new(padding, epsilon, transform, evidence.class_offset())
    }

    fn new(
        padding: Belief<Padding>,
        epsilon: Belief<f64>,
        transform: Belief<String>,
        class_offset: Belief<usize>,
    ) -> Self {
        let facts = vec![
            padding.fact("padding", |padding| padding_word(*padding).to_string()),
            epsilon.fact("batch normalisation's epsilon", |epsilon| format!("{epsilon:e}")),
            transform.fact("transform", Clone::clone),
            class_offset.fact("first class", |offset| match offset {
                0 => "logit 0".to_string(),
                _ => format!("logit {offset}, behind the background"),
            }),
        ];
        Self {
            transform: transform.value,
            class_offset: class_offset.value,
            padding: padding.value,
            bn_epsilon: epsilon.value,
            facts,
        }
    }
}

/// The word that a file's metadata and reports have for a border rule.
pub(crate) fn padding_word(padding: Padding) -> &'static str {
    match padding {
        Padding::Same => "same",
        Padding::Symmetric => "symmetric",
    }
}
