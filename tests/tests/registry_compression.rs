//! A compressed format gives smaller bytes of the same value, says itself what they are, and never unpacks more than it may.

use daglite::prelude::*;
use daglite::{HasFormat, ValueFormats};
use daglite_tests::logged_with;

fn smooth(count: u32) -> Vec<u32> {
    (0..count).map(|n| n / 100).collect()
}

fn packed() -> Format<Vec<u32>> {
    Format::raw().compress(3)
}

fn refusal<T: std::fmt::Debug>(format: &Format<T>, bytes: &[u8]) -> String {
    format.decode(bytes).unwrap_err().to_string()
}

#[test]
fn values_of_every_length_come_back_and_are_frames_that_any_tool_opens() {
    for count in [0, 1, 100, 70_000] {
        let value = smooth(count);
        let bytes = packed().encode(&value).unwrap();
        assert_eq!(packed().decode(&bytes).unwrap(), value);
        let plain = Format::<Vec<u32>>::raw().encode(&value).unwrap();
        assert_eq!(zstd::decode_all(&bytes[..]).unwrap(), plain, "by the library itself");
        assert!(count < 1_000 || bytes.len() * 20 < plain.len(), "{} bytes", bytes.len());

        let mut file = Vec::new();
        packed().write(&value, &mut file).unwrap();
        assert_eq!(file, bytes);
        assert_eq!(packed().read(&mut &file[..], file.len() as u64).unwrap(), value);
    }
    let text = Format::<Vec<String>>::json().compress(1);
    let words = vec!["to be or not to be".to_owned(); 100];
    let bytes = text.encode(&words).unwrap();
    assert_eq!(text.decode(&bytes).unwrap(), words);
    assert!(zstd::decode_all(&bytes[..]).unwrap().starts_with(br#"["to be"#));
}

#[test]
fn the_name_stays_and_the_extension_says_that_it_is_compressed() {
    assert_eq!((packed().name(), packed().extension()), ("raw", "bin.zst"));
    let twice = packed().compress(19);
    assert_eq!(twice.extension(), "bin.zst", "it is compressed once");
    assert_eq!(twice.decode(&packed().encode(&smooth(9)).unwrap()).unwrap(), smooth(9));
}

#[test]
fn what_is_not_compressed_is_not_read_as_if_it_were_nor_the_other_way_round() {
    let value: Vec<u8> = smooth(5_000).into_iter().map(|n| n as u8).collect();
    let (plain, packed) = (Registry::new(), Registry::new());
    assert!(packed.replace(Format::<Vec<u8>>::raw().compress(3)).is_none());
    let formats = ValueFormats::serde::<Vec<u8>>();
    let encoded = [&plain, &packed].map(|it| formats.encode(it, &value, None).unwrap());
    assert_eq!(encoded.each_ref().map(|it| &*it.extension), ["bin", "bin.zst"]);
    for (registry, encoded) in [(&packed, &encoded[0]), (&plain, &encoded[1])] {
        assert_eq!(formats.fits(registry, "raw", &encoded.shape), Some(false));
        let error = formats.decode(registry, &encoded.bytes, "raw", encoded.shape).unwrap_err();
        assert!(error.to_string().contains("has changed"), "{error}");
    }
    // By hand, without a shape.
    let error = packed.deserialize::<Vec<u8>>(&encoded[0].bytes, "raw").unwrap_err().to_string();
    assert!(error.contains("from raw: it is not compressed with zstd"), "{error}");
}

#[test]
fn damage_is_refused_wherever_it_is() {
    let bytes = packed().encode(&smooth(1_000)).unwrap();
    for cut in 0..bytes.len() {
        assert!(packed().decode(&bytes[..cut]).is_err(), "cut to {cut} of {}", bytes.len());
    }
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        // Some bits of a frame say nothing; the rest is covered by its checksum.
        if let Ok(value) = packed().decode(&bytes) {
            assert_eq!(value, smooth(1_000), "byte {at}");
        }
    }
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(refusal(&packed(), &longer), "bytes are left over after what is compressed");
    let twice = [&bytes[..], &bytes[..]].concat();
    assert_eq!(refusal(&packed(), &twice), "bytes are left over after what is compressed");
}

#[test]
fn a_frame_that_holds_more_than_it_may_is_refused_before_it_is_unpacked() {
    let bomb = Format::<Vec<u8>>::raw().compress(3).encode(&vec![0; 10_000_000]).unwrap();
    assert!(bomb.len() < 2_000);
    let small = Format::<Vec<u8>>::raw().compress_up_to(3, 1_000_000);
    assert_eq!(
        refusal(&small, &bomb),
        "10000000 bytes are compressed in it, and the format decompresses at most 1000000: use `compress_up_to`"
    );
    let error = small.encode(&vec![0; 1_000_001]).unwrap_err().to_string();
    assert!(error.contains("it has 1000001 bytes, and the format compresses at most 1000000"));

    // The length that a frame begins with, made absurd: eight bytes after the magic number and the descriptor.
    let mut absurd = bomb;
    let at = absurd.windows(4).position(|it| it == 10_000_000_u32.to_le_bytes()).unwrap();
    absurd[at + 3] = 0x7f;
    let large = Format::<Vec<u8>>::raw().compress_up_to(3, u64::MAX);
    assert!(large.decode(&absurd).is_err());

    // A frame that does not say how much it holds.
    let silent = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        std::io::Write::write_all(&mut encoder, &[0; 1_000]).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(refusal(&small, &silent), "it does not say how long the value is");
}

#[test]
fn a_level_that_does_not_exist_is_an_error() {
    for level in [0, 23, -1] {
        let error = Format::<Vec<u8>>::raw().compress(level).encode(&vec![1]).unwrap_err();
        let expected = format!("there is no compression level {level}: use 1 to 22");
        assert_eq!(error.to_string(), expected);
    }
}

/// A type whose own format is compressed.
#[derive(Debug, Clone, PartialEq)]
struct Scan(Vec<u32>);

impl HasFormat for Scan {
    fn formats() -> Vec<Format<Self>> {
        let raw = Format::<Vec<u32>>::raw();
        let (write, read) = (raw.clone(), raw);
        let format = Format::streaming(
            "scan",
            "scan",
            move |scan: &Self, to| write.write(&scan.0, to),
            move |from, length| read.read(from, length).map(Scan),
        );
        vec![format.compress(1)]
    }
}

#[task(cache)]
fn scan(count: u32) -> Scan {
    Scan(smooth(count))
}

#[test]
fn a_compressed_result_is_small_in_the_store_and_a_hit() {
    let folder = tempfile::tempdir().unwrap();
    for told in ["computed", "hit"] {
        let store = FileStore::builder(folder.path()).open().unwrap();
        let (session, log) = logged_with(Session::builder().cache(store).memory("0"));
        for count in [10, 1_000_000] {
            assert_eq!(scan(count).run_in(&session).unwrap().0, smooth(count));
        }
        assert_eq!(log.count(told), 2);
    }
    let entries = FileStore::builder(folder.path()).open().unwrap().entries().list().unwrap();
    assert!(entries.iter().all(|entry| entry.meta.extension == "scan.zst"));
    assert!(entries.iter().all(|entry| entry.meta.size < 400_000), "{entries:?}");
}

#[test]
fn a_checkpoint_ends_with_the_extension() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    let session = Session::builder().checkpoints(checkpoints).build().unwrap();
    scan(1_000).checkpoint("scan").run_in(&session).unwrap();
    let version = std::fs::read_dir(folder.path().join("scan")).unwrap().next().unwrap().unwrap();
    let bytes = std::fs::read(version.path().join("value.scan.zst")).unwrap();
    assert_eq!(zstd::decode_all(&bytes[..]).unwrap().len(), 4_000);
}

/// A frame by hand: of so many bytes, as it says, in blocks that are not compressed.
fn frame(says: u8, blocks: &[&[u8]]) -> Vec<u8> {
    // The magic number; one segment, whose length is in one byte; no checksum.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, says];
    for (number, block) in blocks.iter().enumerate() {
        let is_last = u32::from(number + 1 == blocks.len());
        let header = (block.len() as u32) << 3 | is_last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(*block);
    }
    frame
}

#[test]
fn a_frame_that_holds_more_than_it_says_is_refused() {
    let format = Format::<String>::json().compress(3);
    let text = format!("\"{}\"", "x".repeat(98));
    let value = format.decode(&frame(100, &[text.as_bytes()])).unwrap();
    assert_eq!(value, "x".repeat(98), "by hand as by zstd");
    let longer = frame(100, &[text.as_bytes(), text.as_bytes(), b""]);
    assert!(format.decode(&longer).is_err());
    assert!(
        Format::<String>::json().compress(3).read(&mut &longer[..], longer.len() as u64).is_err()
    );
}

#[test]
fn a_streaming_format_may_flush_while_it_is_compressed() {
    let format = Format::streaming(
        "lines",
        "txt",
        |lines: &Vec<String>, to| {
            for line in lines {
                to.write_all(line.as_bytes())?;
                to.write_all(b"\n")?;
                to.flush()?;
            }
            Ok(())
        },
        |from, _| Ok(std::io::read_to_string(from)?.lines().map(str::to_owned).collect()),
    )
    .compress(1);
    let lines = vec!["one".to_owned(), "two".to_owned()];
    let bytes = format.encode(&lines).unwrap();
    assert_eq!(format.decode(&bytes).unwrap(), lines);
    assert_eq!(zstd::decode_all(&bytes[..]).unwrap(), b"one\ntwo\n");
}
