//! `Trouble`: what went wrong with an object store, in words of ours. What servers and clients say may hold keys, tokens and
//! signed addresses, so nothing of it is handed on but a number and a name.

use std::error::Error as StdError;
use std::fmt;

use object_store::Error;

/// Why a place did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no such object.
    Missing,
    /// A condition on what is there was not met: somebody else was faster.
    Taken,
    /// The place cannot do this at all.
    Unable,
    /// What is there is not what it should be: in which way.
    Wrong(String),
    /// The rest: what happened, and what to do, for people.
    Failed(String),
}

impl Trouble {
    /// A failure, in words.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    /// Something wrong, in words.
    pub(crate) fn wrong(text: impl Into<String>) -> Self {
        Self::Wrong(text.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is nothing there: check the bucket",
            Self::Taken => "others write there all the time: try again",
            Self::Unable => "its kind of store cannot do that: choose another kind",
            Self::Wrong(text) | Self::Failed(text) => text,
        })
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match &error {
            Error::NotFound { .. } => Self::Missing,
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Self::Taken,
            Error::NotImplemented { .. } | Error::NotSupported { .. } => Self::Unable,
            Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
                let answer = answer(&error.to_string());
                Self::Failed(format!(
                    "it refuses the credentials ({answer}): renew them, or check what they allow"
                ))
            }
            _ => Self::Failed(failure(&error)),
        }
    }
}

/// What happened, for people.
fn failure(error: &Error) -> String {
    if let Some(cause) = system_error(error) {
        return format!("{}: check that it is in order", cause.kind());
    }
    let text = error.to_string();
    let answer = answer(&text);
    match status(&text) {
        Some(403 | 401) => {
            format!("it refuses the credentials ({answer}): renew them, or check what they allow")
        }
        Some(_) => format!("it answers {answer}: try again later"),
        None if text.contains("credential") || text.contains("Credential") => {
            "no credentials could be had for it: set those that its kind of store looks for".into()
        }
        None => "it does not answer, or not to the end: check the address and the network".into(),
    }
}

/// The error of the operating system below `error`, if it is one of files.
fn system_error(error: &Error) -> Option<&std::io::Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    let mut is_http = false;
    while let Some(at) = cause {
        is_http |= at.is::<object_store::client::HttpError>();
        if let Some(found) = at.downcast_ref::<std::io::Error>() {
            return (!is_http).then_some(found);
        }
        cause = at.source();
    }
    None
}

/// The number of the status that `text` tells of.
fn status(text: &str) -> Option<u16> {
    let after = text.split("status code: ").nth(1)?;
    after.get(..3)?.parse().ok().filter(|code| (300..600).contains(code))
}

/// The number and the name of an answer, and nothing else of it.
fn answer(text: &str) -> String {
    let status = status(text).map(|status| status.to_string());
    let name = text.split("<Code>").nth(1).and_then(|after| Some(after.split_once("</Code>")?.0));
    // Real names are short words; anything else might be what it should not be.
    let is_word = |name: &&str| {
        (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let said: Vec<_> = status.into_iter().chain(name.filter(is_word).map(str::to_owned)).collect();
    if said.is_empty() { "no reason was given".to_owned() } else { said.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let source = format!("Server returned non-2xx status code: 403 Forbidden: {body}").into();
        let error = Error::PermissionDenied { path: "a/secret?sig=hidden".to_owned(), source };
        Trouble::from(error).to_string()
    }

    #[test]
    fn only_a_number_and_a_name_of_an_answer_are_told() {
        let body = "<Error><Code>ExpiredToken</Code><Token>hidden</Token></Error>";
        let text = refused(body);
        assert!(text.starts_with("it refuses the credentials (403 ExpiredToken)"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn a_name_that_is_no_word_is_not_told() {
        for body in ["<Code>AKIA0123456789</Code>", "<Code>a b</Code>", "<Code>", "hidden"] {
            assert!(refused(body).starts_with("it refuses the credentials (403):"), "{body}");
        }
    }
}
