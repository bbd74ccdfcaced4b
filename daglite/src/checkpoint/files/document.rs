//! The text of a `meta.json`: metadata that people can read, with a checksum that shows damage.

use serde::{Deserialize, Serialize};

use super::super::meta::CheckpointMeta;
use super::super::version::Moment;
use super::load::Unread;
use crate::digest::Digest;

/// The version of what this file writes.
const LAYOUT: u32 = 1;
/// What stands between the metadata and the digits of its checksum.
const SEAL: &str = ",\n  \"checksum\": \"";
/// What ends the text, after those digits.
const END: &str = "\"\n}\n";

/// The metadata as it is written.
#[derive(Serialize)]
struct Document<'a> {
    layout: u32,
    #[serde(flatten)]
    meta: &'a CheckpointMeta,
}

/// The part that is read first, to know how to read the rest.
#[derive(Deserialize)]
struct Layout {
    layout: u32,
    /// Of whatever kind: it serves a message.
    daglite_version: Option<serde_json::Value>,
}

impl Layout {
    /// The daglite that wrote it, for people.
    fn writer(&self) -> String {
        match &self.daglite_version {
            Some(serde_json::Value::String(version)) => {
                version.chars().take(40).collect::<String>().escape_debug().to_string()
            }
            _ => "of an unknown version".to_owned(),
        }
    }
}

/// No `meta.json` is longer: what is longer is not read, whatever it says, and not written.
pub(super) const LONGEST: u64 = 16 << 20;
/// This daglite.
const OURS: &str = env!("CARGO_PKG_VERSION");

/// The text that says `meta`, closed by the digest of all of it that stands before the checksum.
pub(in super::super) fn write(meta: &CheckpointMeta) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Document { layout: LAYOUT, meta })?;
    text.truncate(text.len() - "\n}".len());
    let checksum = Digest::of_bytes(text.as_bytes());
    text.push_str(&format!("{SEAL}{checksum}{END}"));
    Ok(text)
}

/// The metadata that `text` says, in the folder of `version` of `name`; else what is wrong with it.
pub(super) fn read(text: &[u8], name: &str, version: &str) -> Result<CheckpointMeta, Unread> {
    let damaged = |why: String| Err(Unread::Damaged(why));
    let Ok(text) = std::str::from_utf8(text) else {
        return damaged("its meta.json is no text".to_owned());
    };
    if text.trim().is_empty() {
        return damaged("its meta.json is empty".to_owned());
    }
    let no_json = |cause: serde_json::Error| {
        let what = if cause.is_data() { "" } else { "it is no JSON: " };
        Unread::Damaged(format!("its meta.json cannot be read: {what}{cause}"))
    };
    let first: Layout = serde_json::from_str(text).map_err(no_json)?;
    if first.layout > LAYOUT {
        let (layout, writer) = (first.layout, first.writer());
        return Err(Unread::Newer(format!(
            "its meta.json has layout {layout}, of a newer daglite ({writer}): this one ({OURS}) reads layout {LAYOUT}"
        )));
    }
    if first.layout < LAYOUT {
        return damaged(format!(
            "its meta.json has layout {}, which there never was",
            first.layout
        ));
    }
    // A person may take the checksum out, to say that an edit is meant.
    let sealed = text.rsplit_once(SEAL);
    if let Some((said, checksum)) = sealed
        && checksum.strip_suffix(END) != Some(&Digest::of_bytes(said.as_bytes()).to_string())
    {
        let advice =
            "undo the edit, or remove the line `checksum` and the comma before it if it is meant";
        return damaged(format!(
            "its meta.json does not match its checksum, so it was edited or damaged: {advice}"
        ));
    }
    let meta: CheckpointMeta = match serde_json::from_str(text) {
        Ok(meta) => meta,
        // It is just as it was written, so somebody else knows how to read it.
        Err(cause) if sealed.is_some() => {
            let writer = first.writer();
            let who = match writer.as_str() {
                OURS => format!("another build of daglite {OURS}"),
                _ => format!("a daglite ({writer})"),
            };
            return Err(Unread::Newer(format!(
                "its meta.json is sound, and was written by {who} that writes what this one ({OURS}) cannot read: {cause}"
            )));
        }
        Err(cause) => return Err(no_json(cause)),
    };
    if (meta.name.as_str(), meta.version.as_str()) != (name, version) {
        let [version, name] = [&meta.version, &meta.name].map(|text| text.escape_debug());
        return damaged(format!("its meta.json is that of version {version:.40} of `{name:.200}`"));
    }
    match extension_flaw(&meta.extension) {
        Some(flaw) => damaged(flaw),
        None => Ok(meta),
    }
}

/// As [`read`], for the stores of others: what is wrong is a text.
pub(in super::super) fn read_foreign(
    text: &[u8],
    name: &str,
    version: &str,
) -> Result<CheckpointMeta, String> {
    read(text, name, version).map_err(|unread| match unread {
        Unread::Damaged(why) | Unread::Newer(why) => why,
        Unread::Store(error) => error.to_string(),
    })
}

/// Why `text` must not be saved as that of `meta`, if nobody could read it again.
pub(super) fn flaw(text: &str, meta: &CheckpointMeta) -> Option<String> {
    if text.len() as u64 > LONGEST {
        return Some(format!(
            "it has {} bytes, and {LONGEST} at most are read again: note less",
            text.len()
        ));
    }
    match read(text.as_bytes(), &meta.name, &meta.version) {
        // `always` is a wish, and not kept.
        Ok(mut again) => {
            again.always = meta.always;
            let why = "it would be read as something else: note something simpler";
            (again != *meta).then(|| why.to_owned())
        }
        Err(_) => Some("it could not be read again: note something less deep".to_owned()),
    }
}

/// What is wrong with `extension` as the end of a file's name.
pub(in super::super) fn extension_flaw(extension: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fine = (1..=32).contains(&extension.len())
        && extension.bytes().all(plain)
        && !extension.ends_with('.');
    (!fine).then(|| {
        format!(
            "the extension `{}` cannot end a file's name: use letters and digits",
            extension.escape_debug()
        )
    })
}

/// Whether `version` is the name of a version at all.
pub(in super::super) fn is_version(version: &str) -> bool {
    Moment::parse(version).is_some()
}
