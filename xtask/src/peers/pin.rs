//! The same processors for every side.

use std::fs;
use std::process::Command;

use crate::process::probe;

/// The processors that this process may use, where the system tells.
pub fn allowed() -> Option<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list(line.trim())
}

/// Whether processes can be pinned here.
pub fn works() -> bool {
    probe(Command::new("taskset").arg("--version")).is_some()
}

/// `0-2,5` as numbers.
fn list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(numbers)
}

/// The last `threads` of the processors, as `taskset` takes them: the first is where systems like to put interrupts.
pub fn last(processors: &[usize], threads: usize) -> String {
    let from = processors.len().saturating_sub(threads);
    processors[from..].iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The same command, kept on these processors.
pub fn pinned(command: &Command, processors: &str) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["--cpu-list", processors]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    pinned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(list("0-1"), Some(vec![0, 1]));
        assert_eq!(list("3,5-7"), Some(vec![3, 5, 6, 7]));
        assert_eq!(list(""), None);
        assert_eq!(list("a-b"), None);
    }

    #[test]
    fn one_thread_has_the_last_processor() {
        assert_eq!(last(&[2, 3, 9], 1), "9");
        assert_eq!(last(&[2, 3, 9], 2), "3,9");
        assert_eq!(last(&[2, 3], 8), "2,3");
    }

    #[test]
    fn a_pinned_command_keeps_arguments_and_variables() {
        let mut command = Command::new("program");
        command.args(["a b", "c"]).env("X", "1").env_remove("Y");
        let pinned = pinned(&command, "1");
        let words: Vec<_> = pinned.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words, ["--cpu-list", "1", "program", "a b", "c"]);
        assert!(pinned.get_envs().eq(command.get_envs()));
    }
}
