//! Where downloads are kept.

use std::env;
use std::path::PathBuf;

/// The cache of one kind of file: `$EFFICIENTNET_CACHE/KIND`, or `efficientnet/KIND` under `$XDG_CACHE_HOME` or
/// `~/.cache`.
pub fn cache_dir(kind: &str) -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let ours = set("EFFICIENTNET_CACHE");
    let base = ours.unwrap_or_else(|| {
        let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        caches.unwrap_or_else(env::temp_dir).join("efficientnet")
    });
    base.join(kind)
}
