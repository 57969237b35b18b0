//! Ctrl-C asks long work to stop at its next safe place; a second one ends the program at once. So does SIGTERM, by which
//! launchers of several processes and batch systems end what they started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// A launcher passes on what the terminal has already sent: so soon after the first it is the same Ctrl-C.
const SAME: Duration = Duration::from_millis(500);

/// Begins to listen. Without a handler (none can be installed) Ctrl-C ends the program at once, which is safe, too:
/// files are only ever renamed into place when they are whole.
pub fn listen() {
    let mut first = None;
    let installed = ctrlc::set_handler(move || match first {
        None => {
            first = Some(Instant::now());
            ASKED.store(true, Ordering::SeqCst);
            eprintln!("stopping after this batch (Ctrl-C again to stop at once)");
        }
        Some(first) if Instant::elapsed(&first) < SAME => {}
        Some(_) => std::process::exit(130),
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
