//! What each strategy reads, and that its choice is part of the digest.

use daglite::{ContentHash, ContentHasher, Digest, Element, Strategy};

fn digest(strategy: Strategy, value: &(impl ContentHash + ?Sized)) -> Digest {
    let mut hasher = ContentHasher::new(strategy);
    value.content_hash(&mut hasher);
    hasher.finish().unwrap()
}

fn numbers(len: usize) -> Vec<f64> {
    (0..len).map(|i| i as f64 * 0.5).collect()
}

#[test]
fn strategies_differ_where_they_read_differently() {
    let large = numbers(100_000);
    let exact = digest(Strategy::Exact, &large);
    assert_eq!(digest(Strategy::Auto, &large), exact);
    assert_ne!(digest(Strategy::Fast, &large), exact);
    assert_ne!(digest(Strategy::Sampled, &large), exact);
    assert_ne!(digest(Strategy::Sampled, &large), digest(Strategy::Fast, &large));
}

#[test]
fn small_data_is_never_sampled() {
    let mut small = numbers(16_384);
    let before = digest(Strategy::Sampled, &small);
    assert_eq!(before, digest(Strategy::Exact, &small));
    for at in (0..small.len()).step_by(997) {
        small[at] += 1.0;
        assert_ne!(digest(Strategy::Sampled, &small), before);
        small[at] -= 1.0;
    }
}

#[test]
fn a_sample_sees_both_ends_the_length_and_the_element_type() {
    let mut values = numbers(200_000);
    let before = digest(Strategy::Sampled, &values);
    for at in [0, 127, 199_872, 199_999] {
        values[at] += 1.0;
        assert_ne!(digest(Strategy::Sampled, &values), before, "at {at}");
        values[at] -= 1.0;
    }
    assert_eq!(digest(Strategy::Sampled, &values), before);
    assert_ne!(digest(Strategy::Sampled, &values[..199_999]), before);
    let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    assert_ne!(digest(Strategy::Sampled, &bits), before);
}

#[test]
fn a_sample_sees_a_change_that_is_spread_over_the_whole() {
    let mut values = numbers(200_000);
    let before = digest(Strategy::Sampled, &values);
    // One in a hundred, neither of the ends: 66 KiB of 1.6 MB hold 84 of them.
    values[1000..199_000].iter_mut().step_by(100).for_each(|value| *value += 1.0);
    assert_ne!(digest(Strategy::Sampled, &values), before);
}

#[test]
fn a_sample_misses_a_single_change_as_often_as_the_docs_say() {
    let mut bytes = vec![0_u8; 1 << 20];
    let before = digest(Strategy::Sampled, &bytes);
    let places: Vec<usize> = (0..1000).map(|i| i * 1048 + i % 7).collect();
    let mut missed = 0;
    for &at in &places {
        bytes[at] = 1;
        missed += usize::from(digest(Strategy::Sampled, &bytes) == before);
        bytes[at] = 0;
    }
    // 1 − 67,584 / 2^20 = 93.6 %.
    assert!((920..=950).contains(&missed), "missed {missed} of 1000");
}

/// How many of `places` a sample of `len` zeros does not notice, one at a time.
fn missed(len: usize, places: impl Iterator<Item = usize>) -> usize {
    let mut bytes = vec![0_u8; len];
    let before = digest(Strategy::Sampled, &bytes);
    let mut missed = 0;
    for at in places {
        bytes[at] = 1;
        missed += usize::from(digest(Strategy::Sampled, &bytes) == before);
        bytes[at] = 0;
    }
    missed
}

#[test]
fn a_sample_misses_as_much_as_its_table_says_at_every_size() {
    // Places all over the buffer, as far apart as 2,000 of them can be, and at no regular distance from the blocks.
    let places = |len: usize| (0..2000).map(move |i| (i * len / 2000 + i * i % 977) % len);
    for (len, expected) in [(132 << 10, 1000), (256 << 10, 1484), (1 << 20, 1871), (8 << 20, 1984)]
    {
        let missed = missed(len, places(len));
        assert!(missed.abs_diff(expected) <= 60, "{len} bytes: missed {missed} of 2000");
    }
}

#[test]
fn a_regular_stride_hides_no_more_changes_than_any_other_pattern() {
    // One byte in `stride` changes, and the whole change is to be noticed: 64 blocks of 1 KiB and the ends see it with
    // near certainty if the places of the blocks have nothing to do with the stride. Strides of rows, of pages, and those
    // of the sample's own stretches.
    let len = 1 << 20;
    let stretch = (len - 2048) / 64;
    for stride in [100, 1000, 4096, 8192, 10_007, stretch / 2, stretch, stretch + 1024] {
        let mut seen = 0;
        let mut tries = 0;
        for phase in (1024..stride.max(1100)).step_by((stride / 40).max(25)) {
            let mut bytes = vec![0_u8; len];
            let before = digest(Strategy::Sampled, &bytes);
            let inner = bytes.len() - 1024;
            bytes[phase..inner].iter_mut().step_by(stride).for_each(|byte| *byte = 1);
            tries += 1;
            seen += usize::from(digest(Strategy::Sampled, &bytes) != before);
        }
        assert!(seen * 10 >= tries * 9, "stride {stride}: noticed {seen} of {tries}");
    }
}

/// Numbers that look random, the same ones each time.
fn random() -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn exact_and_fast_miss_none_of_ten_thousand_changes_of_one_element() {
    // Sizes for each way of hashing: in the stream, by a digest, by chunks.
    let tries = [(1_000, 10_000), (20_000, 200), (150_000, 40)];
    for strategy in [Strategy::Exact, Strategy::Fast] {
        for (len, tries) in tries {
            let mut values = numbers(len);
            let before = digest(strategy, &values);
            let mut random = random();
            for _ in 0..tries {
                let (at, bit) = (random() as usize % len, 1_u64 << (random() % 64));
                values[at] = f64::from_bits(values[at].to_bits() ^ bit);
                assert_ne!(digest(strategy, &values), before, "{strategy:?}: bit {bit:x} at {at}");
                values[at] = f64::from_bits(values[at].to_bits() ^ bit);
            }
            assert_eq!(digest(strategy, &values), before);
        }
    }
}

#[test]
fn fast_sees_where_a_chunk_stands_and_where_the_last_one_ends() {
    let chunk = 1 << 20;
    let mut bytes = vec![0_u8; 3 * chunk];
    bytes[5] = 1;
    let before = digest(Strategy::Fast, &bytes);
    // The same chunks in another order.
    bytes.swap(5, chunk + 5);
    assert_ne!(digest(Strategy::Fast, &bytes), before);
    bytes.swap(5, chunk + 5);
    for len in [2 * chunk, 3 * chunk - 1, 3 * chunk + 1] {
        let mut other = bytes.clone();
        other.resize(len, 0);
        assert_ne!(digest(Strategy::Fast, &other), before, "{len} bytes");
    }
}

#[test]
fn the_stream_of_bulk_data_is_the_one_in_the_docs() {
    let values: Vec<u16> = (0..1_500_000_u32).map(|n| (n * 7 / 3) as u16).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let stream = |method: u8, count: usize, contents: &[u8]| {
        let mut stream = b"daglite content v1".to_vec();
        stream.extend([0x31, 0x11, method]);
        stream.extend((count as u64).to_le_bytes());
        stream.extend(contents);
        Digest::of_bytes(&stream)
    };
    let count = values.len();
    let apart = stream(4, count, Digest::of_bytes(&bytes).as_bytes());
    assert_eq!(digest(Strategy::Exact, &values), apart);
    assert_eq!(digest(Strategy::Auto, &values), apart);
    assert_eq!(digest(Strategy::Exact, &values[..1000]), stream(1, 1000, &bytes[..2000]));

    let chunks: Vec<u8> = bytes
        .chunks(1 << 20)
        .flat_map(|chunk| twox_hash::XxHash3_128::oneshot(chunk).to_le_bytes())
        .collect();
    assert_eq!(digest(Strategy::Fast, &values), stream(5, count, &chunks));
    assert_eq!(digest(Strategy::Fast, &values[..500]), stream(2, 500, &bytes[..1000]));
}

#[test]
fn auto_is_exact_up_to_eight_mebibytes_and_fast_above() {
    let mut bytes = vec![0_u8; 8 << 20];
    assert_eq!(digest(Strategy::Auto, &bytes), digest(Strategy::Exact, &bytes));
    bytes.push(0);
    assert_eq!(digest(Strategy::Auto, &bytes), digest(Strategy::Fast, &bytes));
    assert_ne!(digest(Strategy::Auto, &bytes), digest(Strategy::Exact, &bytes));
}

#[test]
fn strategies_are_written_as_words() {
    for (word, strategy) in [
        ("auto", Strategy::Auto),
        ("exact", Strategy::Exact),
        ("fast", Strategy::Fast),
        ("sampled", Strategy::Sampled),
    ] {
        assert_eq!(word.parse(), Ok(strategy));
    }
    let error = "quick".parse::<Strategy>().unwrap_err();
    assert_eq!(error, "`quick` is no hash strategy: write `auto`, `exact`, `fast` or `sampled`");
}

#[test]
fn a_deque_is_sampled_as_a_vector_is() {
    let values = numbers(100_000);
    let mut deque: std::collections::VecDeque<f64> = values.iter().copied().collect();
    deque.rotate_left(40_000);
    let rotated: Vec<f64> = deque.iter().copied().collect();
    assert_eq!(digest(Strategy::Sampled, &deque), digest(Strategy::Sampled, &rotated));
    assert_ne!(digest(Strategy::Sampled, &deque), digest(Strategy::Sampled, &values));
}

#[test]
fn text_is_sampled_too() {
    let mut text = "daglite ".repeat(50_000);
    let sampled = digest(Strategy::Sampled, &text);
    assert_ne!(sampled, digest(Strategy::Exact, &text));
    text.push('!');
    assert_ne!(sampled, digest(Strategy::Sampled, &text));
}

#[cfg(target_pointer_width = "64")]
#[test]
fn auto_samples_above_one_gibibyte_only() {
    // Pages that are never touched cost nothing: only the sample reads from them.
    let zeros = vec![0_u8; (1 << 30) + 1];
    assert_eq!(digest(Strategy::Auto, &zeros), digest(Strategy::Sampled, &zeros));
}

#[test]
fn a_wrong_number_of_bytes_is_refused() {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    hasher.bulk(Element::U32, 2, &[1, 2, 3]);
    let error = hasher.finish().unwrap_err();
    assert_eq!(error.to_string(), "2 elements U32 take 4 bytes each, not 3 in all");
}

#[test]
fn an_entry_that_fails_makes_the_whole_fail() {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    let entry = hasher.entry(|entry| entry.fail("no value"));
    hasher.unordered(daglite::Unordered::Set, vec![entry]);
    hasher.fail("a later reason");
    assert_eq!(hasher.finish().unwrap_err().to_string(), "no value");
}

#[test]
fn more_elements_than_memory_holds_are_refused_before_one_is_asked_for() {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    hasher.bulk_from(Element::U128, usize::MAX, &|_, _| panic!("nothing is read"));
    let error = hasher.finish().unwrap_err().to_string();
    assert_eq!(error, format!("{} elements U128 are more than memory holds", usize::MAX));
}

#[test]
fn the_stream_of_every_element_is_the_one_in_the_docs() {
    macro_rules! check {
        ($($type:ty, $tag:literal, $values:expr, |$one:ident| $bytes:expr;)*) => {$(
            let values: &[$type] = &$values;
            let mut stream = b"daglite content v1".to_vec();
            stream.extend([0x31, $tag, 1]);
            stream.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|&$one| stream.extend($bytes));
            assert_eq!(digest(Strategy::Exact, values), Digest::of_bytes(&stream), stringify!($type));
            let deque: std::collections::VecDeque<$type> = values.iter().copied().collect();
            assert_eq!(digest(Strategy::Exact, &deque), digest(Strategy::Exact, values));
        )*};
    }
    check! {
        bool, 0x02, [true, false], |x| [u8::from(x)];
        char, 0x03, ['a', '\u{10ffff}'], |x| u32::from(x).to_le_bytes();
        u8, 0x10, [1, 255], |x| [x];
        u16, 0x11, [1, 0x0203], |x| x.to_le_bytes();
        u32, 0x12, [1, 0x0203_0405], |x| x.to_le_bytes();
        u64, 0x13, [1, u64::MAX - 1], |x| x.to_le_bytes();
        u128, 0x14, [1, u128::MAX - 1], |x| x.to_le_bytes();
        usize, 0x15, [1, 0x0203], |x| (x as u64).to_le_bytes();
        i8, 0x18, [1, -2], |x| x.to_le_bytes();
        i16, 0x19, [1, -2], |x| x.to_le_bytes();
        i32, 0x1a, [1, -2], |x| x.to_le_bytes();
        i64, 0x1b, [1, -2], |x| x.to_le_bytes();
        i128, 0x1c, [1, -2], |x| x.to_le_bytes();
        isize, 0x1d, [1, -2], |x| (x as i64).to_le_bytes();
        f32, 0x20, [1.5, -0.0, f32::NAN], |x| x.to_bits().to_le_bytes();
        f64, 0x21, [1.5, -0.0, f64::NAN], |x| x.to_bits().to_le_bytes();
    }
}
