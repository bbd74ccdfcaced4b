//! Content of paths and of the system's strings: their exact bytes. What lies at the path is not read: that is
//! `InputFile`.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{ContentHash, ContentHasher};

impl ContentHash for Path {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Path");
        // The bytes themselves on Unix, WTF-8 on Windows; UTF-8 wherever the path is text.
        hasher.bytes(self.as_os_str().as_encoded_bytes());
    }
}

impl ContentHash for PathBuf {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.as_path().content_hash(hasher);
    }
}

impl ContentHash for OsStr {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("OsStr");
        hasher.bytes(self.as_encoded_bytes());
    }
}

impl ContentHash for OsString {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.as_os_str().content_hash(hasher);
    }
}

impl ContentHash for CStr {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("CStr");
        hasher.bytes(self.to_bytes());
    }
}

impl ContentHash for CString {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        self.as_c_str().content_hash(hasher);
    }
}
