//! Where a value comes from: the commit that is checked out, and the machine.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long git may take; a working directory with millions of files takes longer than its answer is worth.
const PATIENCE: Duration = Duration::from_secs(2);

/// What git says of the working directory.
#[derive(Debug, Default)]
pub(super) struct Git {
    /// The commit that is checked out; `None` without git, a repository or a commit.
    pub(super) commit: Option<String>,
    /// Whether there are changes that are in no commit.
    pub(super) dirty: Option<bool>,
}

/// What git says, asked once per process.
pub(super) fn git() -> &'static Git {
    static GIT: OnceLock<Git> = OnceLock::new();
    GIT.get_or_init(|| {
        let commit = ask_git(&["rev-parse", "HEAD"]).map(|said| said.trim().to_owned());
        let Some(commit) = commit.filter(|commit| is_commit(commit)) else {
            return Git::default();
        };
        let dirty = ask_git(&["status", "--porcelain"]).map(|said| !said.trim().is_empty());
        Git { commit: Some(commit), dirty }
    })
}

/// Whether git answered with the name of a commit.
fn is_commit(said: &str) -> bool {
    said.len() >= 40 && said.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What git writes when asked; `None` if it is not there, fails or takes too long.
fn ask_git(question: &[&str]) -> Option<String> {
    let mut git = Command::new("git")
        .args(question)
        // To look must not write into the user's repository.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = git.stdout.take()?;
    let (tell, answer) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        let heard = output.read_to_string(&mut said).map(|_| said);
        // Nobody listens any more if it took too long.
        let _ = tell.send(heard);
    });
    let Ok(Ok(said)) = answer.recv_timeout(PATIENCE) else {
        let _ = git.kill();
        let _ = git.wait();
        return None;
    };
    git.wait().ok()?.success().then_some(said)
}

/// The name of this machine, or `unknown`.
pub(super) fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let variable = |name| std::env::var(name).ok();
        let file = || std::fs::read_to_string("/etc/hostname").ok();
        [variable("HOSTNAME"), file(), variable("COMPUTERNAME")]
            .into_iter()
            .flatten()
            .map(|name| name.trim().to_owned())
            .find(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_git_does_not_know_has_no_answer() {
        assert_eq!(ask_git(&["no-such-question"]), None);
    }

    #[test]
    fn only_the_name_of_a_commit_is_a_commit() {
        assert!(is_commit(&"0f".repeat(20)) && is_commit(&"0f".repeat(32)));
        assert!(!is_commit("HEAD") && !is_commit("") && !is_commit(&"no".repeat(20)));
    }

    #[test]
    fn a_dirty_flag_comes_with_a_commit() {
        assert!(git().dirty.is_none() || git().commit.is_some());
    }

    #[test]
    fn a_machine_has_a_name() {
        assert_eq!(host(), host().trim());
        assert!(!host().is_empty());
    }
}
