//! Ctrl-C asks long work to stop at its next safe place; a second one ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Begins to listen. Without a handler (none can be installed) Ctrl-C ends the program at once, which is safe, too:
/// files are only ever renamed into place when they are whole.
pub fn listen() {
    let installed = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("stopping after this batch (Ctrl-C again to stop at once)");
    });
    if let Err(error) = installed {
        eprintln!("note: Ctrl-C will end the program at once ({error})");
    }
}

/// Whether Ctrl-C was pressed.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// What becomes true when Ctrl-C is pressed, for long work in other crates.
pub fn flag() -> Arc<AtomicBool> {
    Arc::clone(&ASKED)
}
