//! Runs one child and makes a row of whatever it does.

use std::env;
use std::process::Command;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::plan::Job;
use super::row::{Eval, Kind, Measure, Row, Status};
use crate::error::Result;
use crate::paths;
use crate::process::{self, Captured, End};

/// The longest reason that is kept.
const REASON_CHARS: usize = 400;

/// Runs `command`, the child of `job`. `None` when Ctrl-C ended it.
pub fn run(command: &mut Command, job: &Job, limit: Option<Duration>) -> Result<Option<Row>> {
    let captured = process::capture(command, limit)?;
    if matches!(captured.end, End::Interrupted) {
        return Ok(None);
    }
    let outcome = verdict(&captured, limit).and_then(|()| read(job, &captured));
    let mut row = outcome.unwrap_or_else(|(status, reason)| job.row(status, Some(reason)));
    row.wall_seconds = (captured.elapsed.as_secs_f64() * 1000.0).round() / 1000.0;
    Ok(Some(row))
}

/// How a child failed, and why in one line.
pub type Failure = (Status, String);

/// Whether a child says that all is well.
pub fn verdict(captured: &Captured, limit: Option<Duration>) -> std::result::Result<(), Failure> {
    let (kind, reason) = match captured.end {
        End::Exited(status) if status.success() => return Ok(()),
        End::Interrupted => (Status::Failed, "interrupted".to_string()),
        End::TimedOut => {
            let seconds = limit.unwrap_or_default().as_secs_f64();
            (Status::TimedOut, format!("still running after {seconds} s"))
        }
        End::Exited(status) => {
            let how = process::describe(status);
            // A panic is a crash too, though it ends with an exit code.
            let crashed = status.code().is_none() || status.code() == Some(101);
            let kind = if crashed { Status::Crashed } else { Status::Failed };
            let said = last_words(&captured.stderr);
            (kind, said.map_or_else(|| format!("the process {how}"), |said| format!("{said} (it {how})")))
        }
    };
    Err((kind, tidy(&reason)))
}

/// What a child that says that all is well has measured.
pub fn measure(captured: &Captured) -> std::result::Result<Measure, Failure> {
    let unreadable = |reason: &str| (Status::Unreadable, tidy(reason));
    let measure = parse::<Measure>(&captured.stdout, &["median_ms", "first_call_ms"]);
    let measure = measure.map_err(|reason| unreadable(&reason))?;
    if measure.median_ms > 0.0 { Ok(measure) } else { Err(unreadable("it reports a time of nothing")) }
}

fn read(job: &Job, captured: &Captured) -> std::result::Result<Row, Failure> {
    match job.kind {
        Kind::Measure => {
            let mut measure = measure(captured)?;
            // The child knows the reference as a file, a reader as a backend.
            if let Some(agreement) = &mut measure.agreement {
                agreement.reference = job.reference.to_string();
            }
            Ok(Row { measure: Some(measure), ..job.row(Status::Ok, None) })
        }
        Kind::Eval => {
            let eval = parse::<Eval>(&captured.stdout, &["top1", "top5"]);
            let eval = eval.map_err(|reason| (Status::Unreadable, tidy(&reason)))?;
            Ok(Row { eval: Some(eval), ..job.row(Status::Ok, None) })
        }
    }
}

/// The one JSON object on standard output. Fields that are missing take their defaults, except the `required`.
fn parse<T: DeserializeOwned>(stdout: &str, required: &[&str]) -> std::result::Result<T, String> {
    let text = stdout.trim();
    if text.is_empty() {
        return Err("it printed nothing".to_string());
    }
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("its output is no JSON ({error}): {text}"))?;
    if let Some(name) =
        required.iter().find(|name| !value.get(name).is_some_and(serde_json::Value::is_number))
    {
        return Err(format!("its output has no number `{name}`: {text}"));
    }
    serde_json::from_value(value).map_err(|error| format!("its output is not what was expected: {error}"))
}

/// What a failing child said last: its `error:` line, else its panic, else its last line.
fn last_words(stderr: &str) -> Option<String> {
    let lines: Vec<&str> = stderr.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    if let Some(sentence) = lines.iter().rev().find_map(|line| line.strip_prefix("error: ")) {
        return Some(sentence.to_string());
    }
    let is_note = |line: &&&str| !line.starts_with("note: ") && !line.starts_with("stack backtrace");
    if let Some(at) = lines.iter().position(|line| line.contains("panicked at ")) {
        let place = lines[at].split("panicked at ").nth(1).unwrap_or_default().trim_end_matches(':');
        let message = lines[at + 1..].iter().find(is_note).copied().unwrap_or("no message");
        return Some(format!("panic: {} [{place}]", message.trim()));
    }
    lines.iter().rev().find(is_note).map(|line| line.trim().to_string())
}

/// One line of bounded length, without the user's own folders.
fn tidy(reason: &str) -> String {
    let mut text = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let home = env::var("HOME").ok().filter(|home| home.len() > 1);
    let root =
        paths::workspace_root().ok().map(|root| root.display().to_string()).filter(|root| root.len() > 1);
    if let Some(root) = root {
        text = text.replace(&format!("{root}/"), "");
    }
    if let Some(home) = home {
        text = text.replace(&home, "~");
    }
    if text.chars().count() > REASON_CHARS {
        text = text.chars().take(REASON_CHARS - 1).chain(['…']).collect();
    }
    text
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;

    fn job(kind: Kind) -> Job {
        Job { kind, model: "m".into(), backend: Backend::Tch, batch: 2, reference: Backend::Flex }
    }

    fn row(kind: Kind, script: &str, limit: Option<Duration>) -> Row {
        run(Command::new("sh").args(["-c", script]), &job(kind), limit).unwrap().unwrap()
    }

    #[test]
    fn a_measurement_is_read_and_its_reference_named() {
        let row = row(
            Kind::Measure,
            r#"echo noise >&2; echo '{"model":"m","median_ms":5.5,"first_call_ms":9,"params":7,"later":1,
               "agreement":{"reference":"logits.npy","max_abs":1e-6,"max_rel":2e-6,"top1_same":2,"images":2}}'"#,
            None,
        );
        assert_eq!(row.status, Status::Ok, "{row:?}");
        assert_eq!(row.ms_per_image(), Some(2.75));
        assert_eq!(row.agreement().unwrap().reference, "flex");
        assert!(row.wall_seconds > 0.0);
    }

    #[test]
    fn an_evaluation_is_read() {
        let row =
            row(Kind::Eval, r#"echo '{"top1":0.78,"top5":0.94,"images":50,"images_per_second":9}'"#, None);
        assert_eq!(row.eval.as_ref().unwrap().images, 50);
        assert_eq!(row.kind, Kind::Eval);
    }

    #[test]
    fn an_error_line_is_the_reason() {
        let row = row(Kind::Measure, "echo 'error: no such network `m`' >&2; echo later >&2; exit 2", None);
        assert_eq!(row.status, Status::Failed);
        assert_eq!(row.reason.unwrap(), "no such network `m` (it ended with exit code 2)");
    }

    #[test]
    fn a_panic_is_told_with_its_message() {
        let script = r#"printf "thread 'main' panicked at src/a.rs:3:5:\nindex out of bounds\nnote: run with\n" >&2; exit 101"#;
        let row = row(Kind::Measure, script, None);
        assert_eq!(row.status, Status::Crashed);
        assert!(
            row.reason.as_deref().unwrap().starts_with("panic: index out of bounds [src/a.rs:3:5]"),
            "{row:?}"
        );
    }

    #[test]
    fn a_signal_is_a_crash() {
        let row = row(Kind::Measure, "kill -SEGV $$", None);
        assert_eq!(row.status, Status::Crashed);
        assert!(row.reason.unwrap().contains("segmentation fault"));
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let row = row(Kind::Measure, "exec sleep 60", Some(Duration::from_millis(150)));
        assert_eq!(row.status, Status::TimedOut);
        assert!(row.wall_seconds < 10.0);
    }

    #[test]
    fn garbage_is_never_a_measurement() {
        for (script, part) in [
            ("echo hello", "no JSON"),
            ("true", "printed nothing"),
            (r#"echo '{"model":"m"}'"#, "`median_ms`"),
            (r#"echo '{"median_ms":0,"first_call_ms":1}'"#, "a time of nothing"),
            (r#"echo '{"median_ms":NaN,"first_call_ms":1}'"#, "no JSON"),
            (r#"echo '{"median_ms":1,"first_call_ms":1,"params":"many"}'"#, "not what was expected"),
        ] {
            let row = row(Kind::Measure, script, None);
            assert_eq!(row.status, Status::Unreadable, "{script}");
            assert!(row.reason.as_deref().unwrap().contains(part), "{row:?}");
        }
    }

    #[test]
    fn reasons_are_short_and_without_folders() {
        assert_eq!(tidy("a\n  b"), "a b");
        assert_eq!(tidy(&"x".repeat(1000)).chars().count(), REASON_CHARS);
        if let Some(home) = env::var("HOME").ok().filter(|home| home.len() > 1) {
            assert_eq!(tidy(&format!("at {home}/deep/file.rs")), "at ~/deep/file.rs");
        }
    }
}
