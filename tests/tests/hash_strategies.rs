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
