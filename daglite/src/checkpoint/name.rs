//! What a checkpoint may be called: names that are safe as folders on every system.

use super::version::Moment;
use crate::store::StoreError;

/// The longest name, in bytes: with the root, the version and the file, paths stay short of every system's limit.
const MAX_LENGTH: usize = 200;

/// An error if `name` cannot be a checkpoint's name; its message says what to change.
///
/// A name is made of segments between `/`. Every store refuses the same names, so that checkpoints can move from any
/// store to any other: empty names and segments, `.` and `..`, segments that start or end with a dot or end with a
/// space, backslashes, control characters and `: * ? " < > |`, the names that Windows keeps for devices, segments that
/// look like a version, and names longer than 200 bytes.
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
        Err(StoreError::new(format!("`{}` cannot name a checkpoint: {why}", name.escape_debug())))
    };
    if name.is_empty() {
        return refuse("it is empty: write at least one letter".to_owned());
    }
    if name.len() > MAX_LENGTH {
        return refuse(format!("it has {} bytes: use {MAX_LENGTH} at most", name.len()));
    }
    if name.starts_with('/') {
        return refuse("it starts with `/`: name it relative to the store".to_owned());
    }
    match name.split('/').find_map(segment_flaw) {
        Some(flaw) => refuse(flaw),
        None => Ok(()),
    }
}

/// What is wrong with one segment, and what to do about it.
fn segment_flaw(segment: &str) -> Option<String> {
    if segment.is_empty() {
        return Some(
            "a part between two `/` is empty: write one `/` between parts and none at the end"
                .to_owned(),
        );
    }
    if segment == "." || segment == ".." {
        return Some(format!("it would leave its folder: leave out the `{segment}`"));
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
    one != other && one.to_lowercase() == other.to_lowercase()
}
