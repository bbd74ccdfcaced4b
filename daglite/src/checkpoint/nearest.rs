//! What is nearest to something that is not there: for messages.

use super::version::{Version, rfc3339};

/// How many are shown.
const FEW: usize = 5;
/// So many names are compared letter by letter; more would take too long for a message.
const MANY: usize = 10_000;

/// The first few of `items`, for a message.
pub(super) fn listed(items: &[String], show: impl Fn(&String) -> String) -> String {
    if items.is_empty() {
        return "none yet".to_owned();
    }
    let shown: Vec<_> = items.iter().take(FEW).map(show).collect();
    match items.len().checked_sub(FEW) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Which version of a checkpoint is not there, and what there is in its place; `versions` are sorted, and not empty.
pub(crate) fn no_such_version(
    version: &Version,
    versions: &[String],
    tags: impl FnOnce() -> Vec<(String, String)>,
) -> String {
    let newest = versions.last().map_or("", String::as_str);
    let text = version.to_string();
    let shown = text.escape_debug();
    match version {
        Version::At(time) => {
            let oldest = versions.first().map_or("", String::as_str);
            format!("no version of {} or before: the oldest is {oldest}", rfc3339(*time))
        }
        Version::Tag(tag) => {
            let tags = by_likeness(tag, tags().into_iter().map(|(tag, _)| tag).collect());
            let tags = listed(&tags, |tag| format!("`{tag}`"));
            format!("no tag `{shown}`: there are {tags}; or load `latest`, which is {newest}")
        }
        _ => match tags().into_iter().find(|(tag, _)| *tag == text) {
            Some((_, tagged)) => format!("no version `{shown}`, which is the tag of {tagged}"),
            None => {
                let near = around(&text, versions).join(", ");
                format!(
                    "no version `{shown}`: the nearest are {near}; or load `latest`, which is {newest}"
                )
            }
        },
    }
}

/// `names`, those first that are most like `wanted`.
pub(crate) fn by_likeness(wanted: &str, mut names: Vec<String>) -> Vec<String> {
    if names.len() <= MANY {
        names.sort_by_cached_key(|name| (distance(wanted, name), name.clone()));
    }
    names
}

/// The few of the sorted `versions` among which `wanted` would stand.
pub(super) fn around<'a>(wanted: &str, versions: &'a [String]) -> &'a [String] {
    let place = versions.partition_point(|version| version.as_str() < wanted);
    let start = place.saturating_sub(FEW / 2).min(versions.len().saturating_sub(FEW));
    &versions[start..versions.len().min(start + FEW)]
}

/// How many letters have to be put in, left out or changed to make one text the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("model", "model"), 0);
        let names = ["features", "mode", "modem"].map(str::to_owned).to_vec();
        assert_eq!(by_likeness("modle", names), ["mode", "modem", "features"]);
    }

    #[test]
    fn what_stands_around_a_version_is_near_it() {
        let versions: Vec<_> = (0..9).map(|n| format!("v{n}")).collect();
        assert_eq!(around("v", &versions), ["v0", "v1", "v2", "v3", "v4"]);
        assert_eq!(around("v41", &versions), ["v3", "v4", "v5", "v6", "v7"]);
        assert_eq!(around("w", &versions), ["v4", "v5", "v6", "v7", "v8"]);
        assert_eq!(around("v1", &versions[..2]), ["v0", "v1"]);
        assert!(around("v1", &[]).is_empty());
    }
}
