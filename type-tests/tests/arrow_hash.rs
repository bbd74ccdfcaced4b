//! Arrow's arrays, batches and schemas are hashed by what their rows hold, whatever lies around it.

mod arrow_support;
mod by_hand;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{concat, take};
use arrow::datatypes::*;
use arrow_support::{arrays, batch_of, by, digest, everything, without_columns};
use by_hand::{Stream, golden};
use daglite::Strategy;
use proptest::prelude::*;

const GOLDEN: &str = include_str!("arrow_golden.txt");

#[test]
fn digests_never_change_and_no_two_types_share_one() {
    let mut lines = String::new();
    for (name, array) in arrays() {
        writeln!(lines, "{} {name}", digest(&array)).unwrap();
        writeln!(lines, "{} {name}, none of 0 rows", digest(&array.slice(0, 0))).unwrap();
    }
    writeln!(lines, "{} everything", digest(&everything())).unwrap();
    writeln!(lines, "{} schema", digest(&*everything().schema())).unwrap();
    writeln!(lines, "{} field", digest(&Field::new("a", DataType::Int8, true))).unwrap();
    writeln!(lines, "{} type", digest(&DataType::Int8)).unwrap();
    writeln!(lines, "{} 3 rows without columns", digest(&without_columns(3))).unwrap();
    writeln!(lines, "{} two batches", digest(&vec![without_columns(1), without_columns(2)]))
        .unwrap();
    assert_eq!(lines, GOLDEN, "the digests are now:\n{lines}");
    let digests: BTreeSet<&str> = lines.lines().map(|line| &line[..64]).collect();
    assert_eq!(digests.len(), lines.lines().count());
}

#[test]
fn the_golden_digests_are_those_of_the_streams_in_the_docs() {
    // Seven rows, the third and the last missing. Under the third lie two items, of which nothing may be seen.
    let mut list = Stream::new();
    list.built_in("arrow::Array").tuple(3).usize(7);
    list.some().tuple(2).bulk_u8(&[0b0011_1011]);
    list.tuple(2).bulk_u32(&[2, 0, 0, 1, 1]);
    list.some().tuple(2).bulk_u8(&[0b0101]).bulk_i32(&[1, 5]);
    list.type_of_fields("List", 1).field("item", "Int32");
    assert_eq!(list.digest(), golden(GOLDEN, "list"));

    let words = ["one", "", "a text that is longer than twelve letters", "one", "ü\n\"x\", y"];
    let mut dictionary = Stream::new();
    dictionary.built_in("arrow::Array").tuple(3).usize(7).texts(0b0011_1011, &words);
    dictionary.type_of_fields("Dictionary", 2).field("", "Int8").field("", "Utf8");
    assert_eq!(dictionary.digest(), golden(GOLDEN, "dictionary i8"));
}

#[test]
fn what_is_brought_together_in_pieces_is_the_stream_in_the_docs() {
    // More than one piece of 64 KiB of each: bytes of texts, items of lists, and the rows that a dictionary stands for.
    const ROWS: usize = 6_000;
    let is_there = |row: usize| row % 7 != 3;
    let text = |row: usize| format!("{row}-").repeat(row % 11);
    let texts: Vec<String> = (0..ROWS).filter(|row| is_there(*row)).map(text).collect();
    let mut bitmap = vec![0; ROWS.div_ceil(8)];
    (0..ROWS).filter(|row| is_there(*row)).for_each(|row| bitmap[row / 8] |= 1_u8 << (row % 8));
    let lengths: Vec<u32> = texts.iter().map(|text| text.len() as u32).collect();
    assert!(texts.concat().len() > 100_000);
    let begin = |stream: &mut Stream| {
        stream.built_in("arrow::Array").tuple(3).usize(ROWS).some().tuple(2).bulk_u8(&bitmap);
    };
    let of_texts = |ty: &str| {
        let mut stream = Stream::new();
        begin(&mut stream);
        stream.tuple(2).bulk_u32(&lengths).bulk_u8(texts.concat().as_bytes()).plain_type(ty);
        stream.digest()
    };
    let rows = || (0..ROWS).map(|row| is_there(row).then(|| text(row)));
    let around = || [None, Some("before".to_owned())].into_iter().chain(rows()).chain([None]);
    let views = StringViewArray::from_iter(around()).slice(2, ROWS);
    assert_eq!(digest(&views).to_string(), of_texts("Utf8View"));
    let plain = StringArray::from_iter(around()).slice(2, ROWS);
    assert_eq!(digest(&plain).to_string(), of_texts("Utf8"));

    // Lists of one to five numbers, also under the missing rows.
    let mut lists = ListBuilder::new(Int32Builder::new());
    let (mut lengths, mut items) = (Vec::new(), Vec::new());
    for row in 0..ROWS {
        let numbers: Vec<i32> = (0..row % 5 + 1).map(|n| (row * 10 + n) as i32).collect();
        lists.values().append_slice(&numbers);
        lists.append(is_there(row));
        if is_there(row) {
            lengths.push(numbers.len() as u32);
            items.extend(numbers);
        }
    }
    let mut stream = Stream::new();
    begin(&mut stream);
    stream.tuple(2).bulk_u32(&lengths).bulk_i32(&items);
    stream.type_of_fields("List", 1).field("item", "Int32");
    assert_eq!(digest(&lists.finish()).to_string(), stream.digest());

    // Numbers by a dictionary, in no order of its slots.
    let slots: Vec<i64> = (0..100).map(|slot| slot * slot).collect();
    let slot = |row: usize| row * 37 % 100;
    let keys = Int16Array::from_iter((0..4 * ROWS).map(|row| Some(slot(row) as i16)));
    let dictionary = DictionaryArray::new(keys, Arc::new(Int64Array::from(slots.clone())));
    let values: Vec<i64> = (0..4 * ROWS).map(|row| slots[slot(row)]).collect();
    let mut stream = Stream::new();
    stream.built_in("arrow::Array").tuple(3).usize(4 * ROWS).bulk_i64(&values);
    stream.type_of_fields("Dictionary", 2).field("", "Int16").field("", "Int64");
    assert_eq!(digest(&dictionary).to_string(), stream.digest());
}

#[test]
fn every_strategy_reads_the_same_rows() {
    let batch = everything();
    for strategy in [Strategy::Auto, Strategy::Exact, Strategy::Fast, Strategy::Sampled] {
        assert_eq!(by(strategy, &batch), by(strategy, &batch.slice(0, 7)));
    }
    assert_eq!(by(Strategy::Auto, &batch), digest(&batch));
}

#[test]
fn offsets_and_slices_do_not_count() {
    for (name, array) in arrays() {
        let around = concat(&[&array, &array.slice(2, 5), &array]);
        let Ok(around) = around else {
            assert!(name.contains("union"), "{name} cannot be put together");
            continue;
        };
        for (start, len) in [(0, 7), (1, 6), (3, 3), (2, 1), (6, 1), (4, 0)] {
            let expected = digest(&array.slice(start, len));
            assert_eq!(digest(&around.slice(start, len)), expected, "{name} {start}");
            assert_eq!(digest(&around.slice(12 + start, len)), expected, "{name} 12 + {start}");
        }
    }
}

#[test]
fn rows_that_are_picked_by_number_are_the_same_as_those_that_are_sliced() {
    for (name, array) in arrays() {
        let picked = take(&array, &UInt32Array::from(vec![3, 4, 5]), None).unwrap();
        assert_eq!(digest(&picked), digest(&array.slice(3, 3)), "{name}");
        let turned = take(&array, &UInt32Array::from(vec![5, 4, 3]), None).unwrap();
        // Of these the three rows are one.
        if name != "null" && !name.starts_with("runs") {
            assert_ne!(digest(&turned), digest(&array.slice(3, 3)), "{name}");
        }
    }
}

#[test]
fn what_lies_under_missing_values_does_not_count() {
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let one = Int32Array::new(vec![1, 2, 3].into(), nulls());
    let other = Int32Array::new(vec![1, 99, 3].into(), nulls());
    assert_eq!(digest(&one), digest(&other));
    assert_ne!(digest(&one), digest(&Int32Array::from(vec![1, 2, 3])));

    let text = |offsets: Vec<i32>, bytes: &str| {
        StringArray::new(
            OffsetBuffer::new(offsets.into()),
            bytes.as_bytes().to_vec().into(),
            nulls(),
        )
    };
    assert_eq!(digest(&text(vec![0, 1, 1, 2], "ab")), digest(&text(vec![0, 1, 4, 5], "axyzb")));
    assert_ne!(digest(&text(vec![0, 1, 1, 2], "ab")), digest(&text(vec![0, 1, 1, 3], "abc")));

    let list = |offsets: Vec<i32>, items: Vec<i32>| {
        let field = Arc::new(Field::new_list_field(DataType::Int32, true));
        ListArray::new(
            field,
            OffsetBuffer::new(offsets.into()),
            Arc::new(Int32Array::from(items)),
            nulls(),
        )
    };
    assert_eq!(
        digest(&list(vec![0, 1, 1, 2], vec![5, 6])),
        digest(&list(vec![2, 3, 5, 6], vec![0, 0, 5, 9, 9, 6]))
    );
    assert_ne!(
        digest(&list(vec![0, 1, 1, 2], vec![5, 6])),
        digest(&list(vec![0, 0, 0, 2], vec![5, 6]))
    );

    let pair = |under: i32, there: bool| {
        let field = Field::new("n", DataType::Int32, true);
        let column = Int32Array::from(vec![Some(1), there.then_some(under), Some(3)]);
        StructArray::new(vec![field].into(), vec![Arc::new(column)], nulls())
    };
    assert_eq!(digest(&pair(1, true)), digest(&pair(2, true)));
    assert_eq!(digest(&pair(1, true)), digest(&pair(1, false)));
}

#[test]
fn a_bitmap_that_says_all_are_there_is_no_bitmap() {
    for (name, array) in arrays() {
        if array.nulls().is_none() {
            continue;
        }
        let full = array.slice(3, 3);
        let data = full.to_data().into_builder().nulls(None).build().unwrap();
        let without = make_array(data);
        assert_eq!(without.null_count(), 0);
        let with =
            full.to_data().into_builder().nulls(Some(NullBuffer::new_valid(3))).build().unwrap();
        assert_eq!(digest(&make_array(with)), digest(&without), "{name}");
    }
}

#[test]
fn dictionaries_count_by_what_they_say_and_not_by_their_slots() {
    let keys = |keys: Vec<Option<i8>>| Int8Array::from(keys);
    let one = DictionaryArray::new(
        keys(vec![Some(0), Some(1), None, Some(0)]),
        Arc::new(StringArray::from(vec!["a", "b"])),
    );
    let other = DictionaryArray::new(
        keys(vec![Some(3), Some(1), Some(2), Some(4)]),
        Arc::new(StringArray::from(vec![Some("unused"), Some("b"), None, Some("a"), Some("a")])),
    );
    assert_eq!(digest(&one), digest(&other));
    let changed = DictionaryArray::new(
        keys(vec![Some(0), Some(1), None, Some(1)]),
        Arc::new(StringArray::from(vec!["a", "b"])),
    );
    assert_ne!(digest(&one), digest(&changed));
    // The type counts.
    let plain: StringArray = vec![Some("a"), Some("b"), None, Some("a")].into();
    assert_ne!(digest(&one), digest(&plain));
}

#[test]
fn runs_count_by_what_they_say_and_not_by_how_they_are_cut() {
    let runs = |ends: Vec<i32>, values: Vec<Option<&str>>| {
        RunArray::<Int32Type>::try_new(&Int32Array::from(ends), &StringArray::from(values)).unwrap()
    };
    let one = runs(vec![2, 3, 5], vec![Some("a"), None, Some("b")]);
    let other = runs(vec![1, 2, 3, 4, 5], vec![Some("a"), Some("a"), None, Some("b"), Some("b")]);
    assert_eq!(digest(&one), digest(&other));
    assert_eq!(digest(&one.slice(1, 3)), digest(&other.slice(1, 3)));
    assert_ne!(digest(&one), digest(&runs(vec![1, 3, 5], vec![Some("a"), None, Some("b")])));
}

#[test]
fn unions_count_by_the_rows_of_their_tags() {
    let fields = || {
        UnionFields::try_new(
            [0, 1],
            [Field::new("a", DataType::Int32, true), Field::new("b", DataType::Int32, true)],
        )
        .unwrap()
    };
    let sparse = |unused: i32| {
        let a: ArrayRef = Arc::new(Int32Array::from(vec![1, unused, 3]));
        let b: ArrayRef = Arc::new(Int32Array::from(vec![unused, 2, unused]));
        UnionArray::try_new(fields(), vec![0_i8, 1, 0].into(), None, vec![a, b]).unwrap()
    };
    assert_eq!(digest(&sparse(7)), digest(&sparse(8)));
    let dense = |first: Vec<i32>, offsets: Vec<i32>| {
        let a: ArrayRef = Arc::new(Int32Array::from(first));
        let b: ArrayRef = Arc::new(Int32Array::from(vec![2]));
        UnionArray::try_new(fields(), vec![0_i8, 1, 0].into(), Some(offsets.into()), vec![a, b])
            .unwrap()
    };
    assert_eq!(
        digest(&dense(vec![1, 3], vec![0, 0, 1])),
        digest(&dense(vec![1, 9, 3], vec![0, 0, 2]))
    );
    assert_ne!(
        digest(&dense(vec![1, 3], vec![0, 0, 1])),
        digest(&dense(vec![3, 1], vec![0, 0, 1]))
    );
    assert_ne!(digest(&dense(vec![1, 3], vec![0, 0, 1])), digest(&sparse(7)));
}

#[test]
fn floats_count_by_their_bits() {
    let floats = |bits: u64| Float64Array::from(vec![f64::from_bits(bits)]);
    assert_ne!(digest(&floats(0)), digest(&floats(1 << 63)));
    assert_ne!(digest(&floats(0x7ff8_0000_0000_0000)), digest(&floats(0x7ff8_0000_0000_0001)));
}

#[test]
fn every_part_of_a_schema_counts() {
    let field = || Field::new("a", DataType::Int32, true);
    let metadata = |key: &str| [(key.to_owned(), "x".to_owned())].into_iter().collect::<Metadata>();
    let batch = |field: Field, ours: Metadata| {
        let schema = Arc::new(Schema::new_with_metadata(vec![field], ours));
        RecordBatch::try_new(schema, vec![Arc::new(Int32Array::from(vec![1]))]).unwrap()
    };
    let none = Metadata::default;
    let digests = [
        digest(&batch(field(), none())),
        digest(&batch(field().with_name("b"), none())),
        digest(&batch(field().with_nullable(false), none())),
        digest(&batch(field().with_metadata(metadata("a")), none())),
        digest(&batch(field().with_metadata(metadata("b")), none())),
        digest(&batch(field(), metadata("a"))),
        digest(&vec![batch(field(), none())]),
        digest(&vec![batch(field(), none()), batch(field(), none())]),
        digest(&without_columns(1)),
        digest(&without_columns(2)),
    ];
    assert_eq!(BTreeSet::from(digests).len(), digests.len());
}

#[test]
fn an_array_is_hashed_alike_whether_its_type_is_known() {
    let known = Int64Array::from(vec![1, 2]);
    let unknown: ArrayRef = Arc::new(known.clone());
    assert_eq!(digest(&known), digest(&unknown));
    assert_eq!(digest(&known), digest(unknown.as_ref()));
}

#[test]
fn no_change_of_a_single_cell_is_missed() {
    const ROWS: usize = 2_000;
    let mut random = 1_u64;
    let mut next = move |below: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % below
    };
    let mut integers: Vec<Option<i64>> =
        (0..ROWS as i64).map(|n| (n % 7 > 0).then_some(n)).collect();
    let mut floats: Vec<f64> = (0..ROWS).map(|n| n as f64).collect();
    let mut texts: Vec<Option<String>> =
        (0..ROWS).map(|n| (n % 5 > 0).then(|| n.to_string())).collect();
    let mut truths: Vec<bool> = (0..ROWS).map(|n| n % 3 == 0).collect();
    let mut of = |column: usize, change: Option<usize>| -> (ArrayRef, Option<usize>) {
        let array: ArrayRef = match column {
            0 => {
                if let Some(row) = change {
                    integers[row] = integers[row].map_or(Some(0), |n| (n % 2 == 0).then_some(!n));
                }
                Arc::new(Int64Array::from(integers.clone()))
            }
            1 => {
                if let Some(row) = change {
                    floats[row] = f64::from_bits(floats[row].to_bits() ^ 1 << (row % 64));
                }
                Arc::new(Float64Array::from(floats.clone()))
            }
            2 => {
                if let Some(row) = change {
                    texts[row] = match &texts[row] {
                        None => Some(String::new()),
                        Some(text) if text.is_empty() => None,
                        // Longer each time: a change that changes nothing would be no miss.
                        Some(text) => Some(format!("{text}!")),
                    };
                }
                Arc::new(StringViewArray::from_iter(texts.iter().map(Option::as_deref)))
            }
            _ => {
                if let Some(row) = change {
                    truths[row] = !truths[row];
                }
                Arc::new(BooleanArray::from(truths.clone()))
            }
        };
        (array, change)
    };
    let digests = |array: &ArrayRef| [Strategy::Exact, Strategy::Fast].map(|how| by(how, array));
    let mut last: Vec<_> = (0..4).map(|column| digests(&of(column, None).0)).collect();
    let mut missed = [0, 0];
    for _ in 0..10_000 {
        let (column, row) = (next(4), next(ROWS));
        let now = digests(&of(column, Some(row)).0);
        for (missed, (now, before)) in missed.iter_mut().zip(now.iter().zip(&last[column])) {
            *missed += usize::from(now == before);
        }
        last[column] = now;
    }
    assert_eq!(missed, [0, 0], "by exact and fast");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two arrays have one digest if and only if they hold the same, however they came to be.
    #[test]
    fn digests_are_equal_as_the_values_are(
        one in proptest::collection::vec(proptest::option::of("[ab]{0,2}"), 0..40),
        other in proptest::collection::vec(proptest::option::of("[ab]{0,2}"), 0..40),
        skip in 0_usize..10,
    ) {
        let views = |texts: &[Option<String>]| StringViewArray::from_iter(texts.iter().map(Option::as_deref));
        let texts = |texts: &[Option<String>]| StringArray::from_iter(texts.iter().map(Option::as_deref));
        let around: Vec<_> = other.iter().chain(&one).chain(&other).cloned().collect();
        prop_assert_eq!(digest(&texts(&around).slice(other.len(), one.len())), digest(&texts(&one)));
        prop_assert_eq!(digest(&views(&around).slice(other.len(), one.len())), digest(&views(&one)));
        prop_assert_eq!(digest(&texts(&one)) == digest(&texts(&other)), one == other);
        // Lists of these texts, cut anywhere.
        let lists = |all: &[Option<String>]| {
            let mut builder = ListBuilder::new(StringBuilder::new());
            for texts in all.chunks(3) {
                texts.iter().for_each(|text| builder.values().append_option(text.as_deref()));
                builder.append(texts.first().is_none_or(Option::is_some));
            }
            builder.finish()
        };
        let (ours, both) = (lists(&one), lists(&around));
        let skip = skip.min(both.len());
        prop_assert_eq!(
            digest(&both.slice(skip, both.len() - skip)),
            digest(&take(&both, &UInt64Array::from_iter(skip as u64..both.len() as u64), None).unwrap())
        );
        prop_assert_eq!(digest(&ours) == digest(&lists(&other)), ours == lists(&other));
    }
}

#[test]
fn a_batch_of_one_column_is_not_its_column() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert_ne!(digest(&batch_of(&array)), digest(&array));
}

#[test]
fn a_row_is_missing_wherever_below_it_nothing_is() {
    // A dictionary of nothing: no row is there, whatever the keys say.
    let keys = Int8Array::from(vec![Some(0), Some(1), None]);
    let of_nothing = |keys: Int8Array| DictionaryArray::new(keys, Arc::new(NullArray::new(2)));
    assert_eq!(
        digest(&of_nothing(keys)),
        digest(&of_nothing(Int8Array::from(vec![None, None, None])))
    );

    // Runs of a dictionary of values, of which one is missing.
    let runs = |ends: Vec<i32>, keys: Vec<Option<i8>>, words: Vec<Option<&str>>| {
        let words = DictionaryArray::new(Int8Array::from(keys), Arc::new(StringArray::from(words)));
        RunArray::<Int32Type>::try_new(&Int32Array::from(ends), &words).unwrap()
    };
    let one =
        runs(vec![2, 3, 5], vec![Some(0), Some(1), Some(2)], vec![Some("a"), None, Some("b")]);
    let other =
        runs(vec![1, 2, 3, 5], vec![Some(1), Some(1), None, Some(0)], vec![Some("b"), Some("a")]);
    assert_eq!(digest(&one), digest(&other));
    let third =
        runs(vec![2, 3, 5], vec![Some(0), Some(2), Some(2)], vec![Some("a"), None, Some("b")]);
    assert_ne!(digest(&one), digest(&third));
    // A dictionary whose values are such runs.
    let of_runs = |keys: Vec<i8>, runs: RunArray<Int32Type>| {
        DictionaryArray::new(Int8Array::from(keys), Arc::new(runs))
    };
    assert_eq!(
        digest(&of_runs(vec![0, 2, 4], one.clone())),
        digest(&of_runs(vec![1, 2, 3], other))
    );
    assert_ne!(digest(&of_runs(vec![0, 2, 4], one.clone())), digest(&of_runs(vec![0, 1, 4], one)));
}
