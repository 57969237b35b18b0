//! Training scripts save more than weights, and wrap the weights' names. What is no weight is dropped, wrappers are taken
//! off.

use crate::naming::keras_bystander;

/// Keys under which training scripts keep the weights. The average of the weights (EMA) stands before the last weights, as
/// published accuracies are the average's.
const WRAPPERS: [&str; 6] = ["state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net"];

pub(super) struct Unwrapped {
    pub wrapper: Option<&'static str>,
    /// The name without wrappers, and the index of the tensor.
    pub kept: Vec<(String, usize)>,
}

pub(super) fn unwrapped<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Unwrapped {
    let wrapper =
        WRAPPERS.into_iter().find(|wrapper| names.clone().any(|name| inside(name, wrapper).is_some()));
    let inner = names.enumerate().filter_map(|(index, name)| match wrapper {
        Some(wrapper) => Some((inside(name, wrapper)?, index)),
        None => Some((name, index)),
    });
    let inner: Vec<(&str, usize)> = inner.filter(|(name, _)| is_weight(name)).collect();
    // `DataParallel` puts its own name in front of every tensor.
    let is_parallel = !inner.is_empty() && inner.iter().all(|(name, _)| inside(name, "module").is_some());
    let strip = |name| if is_parallel { inside(name, "module").unwrap_or(name) } else { name };
    let kept = inner.into_iter().map(|(name, index)| (plain(strip(name)), index)).collect();
    Unwrapped { wrapper, kept }
}

fn inside<'a>(name: &'a str, wrapper: &str) -> Option<&'a str> {
    name.strip_prefix(wrapper)?.strip_prefix('.')
}

fn is_weight(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    !matches!(last, "num_batches_tracked" | "n_averaged") && !keras_bystander(name)
}

/// Keras 2 repeats the layer and numbers the variable: `stem_conv/stem_conv/kernel:0`.
fn plain(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let segments: Vec<&str> = name.split('/').collect();
    match segments[..] {
        [layer, again, variable] if layer == again => format!("{layer}/{variable}"),
        _ => name.to_string(),
    }
}
