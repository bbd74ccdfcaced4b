//! What a checkpoint may be called: names that are safe as folders on every system.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::version::{Moment, Version};
use crate::store::StoreError;

/// The longest name, in bytes: with the root, the version and the file, paths stay short of every system's limit.
const MAX_LENGTH: usize = 200;

/// An error if `name` cannot be a checkpoint's name; its message says what to change.
///
/// A name is made of segments between `/`. Every store refuses the same names, so that checkpoints can move from any
/// store to any other: empty names and segments, `.` and `..`, segments that start or end with a dot or end with a
/// space, backslashes, control and invisible characters and `: * ? " < > | @`, the names that Windows keeps for devices, segments that
/// look like a version, names longer than 200 bytes, and names that are not in Unicode's composed form (NFC), so that no
/// two names look the same.
///
/// ```
/// use daglite::checkpoint::check_name;
///
/// assert!(check_name("churn/model v2").is_ok());
/// let refused = check_name("../model").unwrap_err();
/// assert!(refused.to_string().contains("leave out the `..`"));
/// ```
///
/// # Errors
///
/// The name is one of those above.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let refuse = |why: String| {
        Err(StoreError::new(format!("`{}` cannot name a checkpoint: {why}", shown(name))))
    };
    if name.is_empty() {
        return refuse("it is empty: write at least one letter".to_owned());
    }
    if name.len() > MAX_LENGTH {
        return refuse(format!("it has {} bytes: use {MAX_LENGTH} at most", name.len()));
    }
    if !is_nfc(name) {
        let composed: String = name.nfc().collect();
        let advice = "it is not in Unicode's composed form (NFC), so it would look like another name and be none";
        return refuse(format!("{advice}: write `{}`", composed.escape_debug()));
    }
    if name.starts_with('/') {
        return refuse("it starts with `/`: name it relative to the store".to_owned());
    }
    if let Some(drive) = name.get(..2)
        && drive.starts_with(|first: char| first.is_ascii_alphabetic())
        && drive.ends_with(':')
    {
        return refuse(format!("it starts with a drive, `{drive}`: name it relative to the store"));
    }
    match name.split('/').find_map(segment_flaw) {
        Some(flaw) => refuse(flaw),
        None => Ok(()),
    }
}

/// A name for a message: no longer than people read, and not like another one that is not the same text.
fn shown(name: &str) -> String {
    const ENOUGH: usize = 60;
    let start: String = name.chars().take(ENOUGH).collect();
    let more = if start.len() < name.len() { "…" } else { "" };
    // What is not composed looks as if it were, unless it is spelled out.
    let escaped = |c: char| match c.is_ascii() || is_nfc(name) && !is_invisible(c) {
        true => c.escape_debug().to_string(),
        false => c.escape_default().to_string(),
    };
    start.chars().map(escaped).collect::<String>() + more
}

/// Whether nobody sees that a character is there, or it makes others stand elsewhere. Joiners and selectors of variants are
/// part of how words are written.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// What is wrong with one segment, and what to do about it.
fn segment_flaw(segment: &str) -> Option<String> {
    if segment.is_empty() {
        return Some(
            "a part between two `/` is empty: write one `/` between parts and none at the end"
                .to_owned(),
        );
    }
    if segment == "." {
        return Some("`.` means the folder itself: leave out the `.`".to_owned());
    }
    if segment == ".." {
        return Some("it would leave its folder: leave out the `..`".to_owned());
    }
    if segment.contains('@') {
        return Some("`@` stands between a name and its version: use `-` or `_`".to_owned());
    }
    if let Some(bad) = segment.chars().find(|&c| c.is_control() || r#"\:*?"<>|"#.contains(c)) {
        let bad = bad.escape_debug();
        return Some(match bad.to_string().as_str() {
            r"\\" => r"it has a `\`: write `/` to make groups".to_owned(),
            shown => {
                format!("some systems have no files with `{shown}` in their names: use `-` or `_`")
            }
        });
    }
    if let Some(unseen) = segment.chars().find(|&c| is_invisible(c)) {
        let unseen = unseen.escape_default();
        return Some(format!("nobody sees that it has a `{unseen}`: leave it out"));
    }
    if segment.starts_with('.') {
        return Some(format!(
            "`{segment}` starts with a dot, as hidden files do: start with a letter"
        ));
    }
    if segment.ends_with(['.', ' ']) {
        return Some(format!(
            "Windows drops the dot or space at the end of `{segment}`: leave it out"
        ));
    }
    if is_device(segment) {
        let (stem, rest) = segment.split_at(segment.find('.').unwrap_or(segment.len()));
        let stem = stem.trim_end_matches(' ');
        return Some(format!(
            "Windows keeps `{segment}` for a device: add a word, as in `{stem}-data{rest}`"
        ));
    }
    if Moment::parse(segment).is_some() {
        return Some(format!(
            "`{segment}` looks like a version of the checkpoint above it: add a word"
        ));
    }
    None
}

/// The longest tag, in bytes.
const MAX_TAG: usize = 64;

/// An error if `tag` cannot be a tag of a version; its message says what is allowed.
///
/// A tag begins with a lower-case letter from `a` to `z`, so that it is no version; then come such letters, digits, `-`,
/// `_` and `.`, 64 in all, the last no dot. `latest` is no tag, nor are the names that Windows keeps for devices.
///
/// ```
/// use daglite::checkpoint::check_tag;
///
/// assert!(check_tag("prod").is_ok() && check_tag("v1.2").is_ok());
/// assert!(check_tag("Prod").unwrap_err().to_string().contains("begin with a letter from `a` to `z`"));
/// ```
///
/// # Errors
///
/// The tag is none of those.
pub fn check_tag(tag: &str) -> Result<(), StoreError> {
    let fine =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let why = if tag == "latest" {
        "it always means the newest version: choose another word"
    } else if !tag.starts_with(|first: char| first.is_ascii_lowercase())
        || tag.len() > MAX_TAG
        || !tag.bytes().all(fine)
        || tag.ends_with('.')
    {
        "begin with a letter from `a` to `z`, and go on with such letters, digits, `-`, `_` and `.`, 64 in all, the last no dot"
    } else if is_device(tag) {
        "Windows keeps it for a device: add a word"
    } else {
        return Ok(());
    };
    let shown: String = tag.chars().take(MAX_TAG + 1).collect();
    Err(StoreError::new(format!("`{}` cannot be a tag: {why}", shown.escape_debug())))
}

/// The name and the version in `name@version`, `name@tag` or a name alone, which means its latest version.
///
/// ```
/// use daglite::checkpoint::{Version, split_reference};
///
/// let (name, version) = split_reference("churn/model@prod").unwrap();
/// assert_eq!((name, version), ("churn/model", Version::tag("prod")));
/// assert_eq!(split_reference("model").unwrap(), ("model", Version::Latest));
/// ```
///
/// # Errors
///
/// The name is none, or nothing follows the `@`.
pub fn split_reference(text: &str) -> Result<(&str, Version), StoreError> {
    let (name, version) = match text.split_once('@') {
        None => (text, Version::Latest),
        Some((_, "")) => {
            let shown = text.escape_debug();
            return Err(StoreError::new(format!(
                "`{shown}` names no version: write `latest`, a tag or a version after the `@`"
            )));
        }
        Some((name, version)) => (name, Version::from(version)),
    };
    check_name(name)?;
    Ok((name, version))
}

/// Whether Windows means a device by this name, with any extension and in any case.
fn is_device(segment: &str) -> bool {
    let stem =
        segment.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str()) {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut digits = number.chars();
        // Windows takes the three superscript digits of Latin-1 for digits here.
        matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    })
}

/// Whether two names or segments differ in the case of letters alone, so that some systems take them for one.
pub(super) fn are_case_twins(one: &str, other: &str) -> bool {
    one != other && folded(one) == folded(other)
}

/// A name without what cases differ in: through the upper case, as some letters have two lower ones.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase().nfc().collect()
}
