//! The text of a `meta.json`: metadata that people can read, with a checksum that shows damage.

use serde::{Deserialize, Serialize};

use super::super::meta::CheckpointMeta;
use super::super::version::Moment;
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
}

/// The text that says `meta`, closed by the digest of all of it that stands before the checksum.
pub(in super::super) fn write(meta: &CheckpointMeta) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Document { layout: LAYOUT, meta })?;
    text.truncate(text.len() - "\n}".len());
    let checksum = Digest::of_bytes(text.as_bytes());
    text.push_str(&format!("{SEAL}{checksum}{END}"));
    Ok(text)
}

/// The metadata that `text` says, in the folder of `version` of `name`; else what is wrong with it.
pub(in super::super) fn read(
    text: &[u8],
    name: &str,
    version: &str,
) -> Result<CheckpointMeta, String> {
    let text = std::str::from_utf8(text).map_err(|_| "its meta.json is no text".to_owned())?;
    let no_json = |cause: serde_json::Error| format!("its meta.json cannot be read: {cause}");
    let Layout { layout } = serde_json::from_str(text).map_err(no_json)?;
    if layout != LAYOUT {
        return Err(format!(
            "its meta.json has layout {layout}, but this daglite reads layout {LAYOUT}"
        ));
    }
    // A person may take the checksum out, to say that an edit is meant.
    if let Some((said, checksum)) = text.rsplit_once(SEAL)
        && checksum.strip_suffix(END) != Some(&Digest::of_bytes(said.as_bytes()).to_string())
    {
        let advice =
            "undo the edit, or remove the line `checksum` and the comma before it if it is meant";
        return Err(format!("its meta.json does not match its checksum: {advice}"));
    }
    let meta: CheckpointMeta = serde_json::from_str(text).map_err(no_json)?;
    if (meta.name.as_str(), meta.version.as_str()) != (name, version) {
        return Err(format!(
            "its meta.json is that of version {} of `{}`",
            meta.version, meta.name
        ));
    }
    match extension_flaw(&meta.extension) {
        Some(flaw) => Err(flaw),
        None => Ok(meta),
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
