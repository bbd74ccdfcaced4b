//! Without the feature `zstd` compression is an error that names it, wherever it is asked for.

use daglite::{FileStore, Format};

fn main() {
    let packed = Format::<Vec<u8>>::raw().compress(3);
    let missing = "it is compressed (level 3, up to 17179869184 bytes): enable the feature `zstd` of daglite";
    let mut file = Vec::new();
    let refusals = [
        packed.encode(&vec![1, 2]).unwrap_err(),
        packed.decode(b"(\xb5/\xfd").unwrap_err(),
        packed.write(&vec![1, 2], &mut file).unwrap_err(),
        packed.read(&mut &b"(\xb5/\xfd"[..], 4).unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.to_string(), missing);
    }
    assert_eq!((file.len(), packed.extension()), (0, "bin.zst"));
    assert_eq!(Format::<Vec<u8>>::raw().encode(&vec![1, 2]).unwrap(), [1, 2]);

    let error = FileStore::builder("never-made").compression(3).open().unwrap_err().to_string();
    assert!(error.contains("needs the feature `zstd` of daglite"), "{error}");
}
