//! Brings the elements of an array together, wherever they lie, so that what memory gives at once is used whole.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewD, ArrayViewMutD, Axis, Ix2, Zip};

/// A loop over the elements that lie closest is worth it if they are so many; else the longest one is.
const WORTH_A_LOOP: usize = 16;

/// So many lines of a table are written side by side: as many of its elements as a line of the processor's cache may hold.
const LINES: usize = 8;

/// So many places of those lines at a time: what lies there stays in the processor's caches for the next lines.
const PLACES: usize = 1024;

/// Fills `into` with the elements of `array` from number `first` on: the rest of a row, whole rows, the beginning of one.
pub(super) fn fill<A, B>(
    mut array: ArrayViewD<'_, A>,
    first: usize,
    into: &mut [B],
    convert: &impl Fn(&A) -> B,
) {
    if into.is_empty() {
        return;
    }
    let row: usize = array.shape()[1..].iter().product();
    let (from, skipped) = (first / row, first % row);
    array.slice_axis_inplace(Axis(0), (from..).into());
    let begun = if skipped == 0 { 0 } else { (row - skipped).min(into.len()) };
    let (head, into) = into.split_at_mut(begun);
    if begun > 0 {
        fill(array.index_axis(Axis(0), 0), skipped, head, convert);
        array.slice_axis_inplace(Axis(0), (1..).into());
    }
    let rows = into.len() / row;
    let (whole, tail) = into.split_at_mut(rows * row);
    let (upper, lower) = array.split_at(Axis(0), rows);
    block(upper, whole, convert);
    if !tail.is_empty() {
        fill(lower.index_axis(Axis(0), 0), 0, tail, convert);
    }
}

/// Fills `into` with all of `array`.
fn block<A, B>(array: ArrayViewD<'_, A>, into: &mut [B], convert: &impl Fn(&A) -> B) {
    let into = ArrayViewMutD::from_shape(array.raw_dim(), into).expect("it has as many elements");
    let axes = || array.axes().filter(|axis| axis.len > 1);
    let Some(closest) = axes().min_by_key(|axis| axis.stride.unsigned_abs()) else {
        return Zip::from(into).and(array).for_each(|into, element| *into = convert(element));
    };
    let (Axis(inner), last) = (closest.axis, array.ndim() - 1);
    if inner < last && array.len_of(Axis(last)) >= WORTH_A_LOOP {
        return tables(array, into, inner, convert);
    }
    let longest = || axes().max_by_key(|axis| axis.len).map_or(closest.axis, |axis| axis.axis);
    let inner = if closest.len >= WORTH_A_LOOP { closest.axis } else { longest() };
    lanes(array, into, inner, convert);
}

/// Fills `into` with `array`, both of one shape, a line along the axis `inner` at a time.
fn lanes<A, B>(
    array: ArrayViewD<'_, A>,
    mut into: ArrayViewMutD<'_, B>,
    inner: Axis,
    convert: &impl Fn(&A) -> B,
) {
    Zip::from(into.lanes_mut(inner)).and(array.lanes(inner)).for_each(|mut into, from| match into
        .as_slice_mut()
    {
        Some(into) => fill_line(from, into, convert),
        None => Zip::from(into).and(from).for_each(|into, element| *into = convert(element)),
    });
}

/// Fills `into` with a line.
fn fill_line<A, B>(mut from: ArrayView1<'_, A>, into: &mut [B], convert: &impl Fn(&A) -> B) {
    if let Some(from) = from.as_slice() {
        return into.iter_mut().zip(from).for_each(|(into, element)| *into = convert(element));
    }
    // Turned around it may be a slice, which the compiler reads many elements of at a time.
    from.invert_axis(Axis(0));
    let into = into.iter_mut().rev();
    match from.as_slice() {
        Some(from) => into.zip(from).for_each(|(into, element)| *into = convert(element)),
        None => into.zip(&from).for_each(|(into, element)| *into = convert(element)),
    }
}

/// Fills `into` with `array`, both of one shape, table by table: the elements of `array` lie closest along the axis `inner`, those of
/// `into` along the last one.
fn tables<A, B>(
    array: ArrayViewD<'_, A>,
    mut into: ArrayViewMutD<'_, B>,
    inner: usize,
    convert: &impl Fn(&A) -> B,
) {
    if array.ndim() > 2 {
        let outer = Axis(usize::from(inner == 0));
        let parts = array.axis_iter(outer).zip(into.axis_iter_mut(outer));
        return parts.for_each(|(array, into)| {
            tables(array, into, inner.saturating_sub(1), convert);
        });
    }
    let table = array.into_dimensionality::<Ix2>().expect("it has two dimensions");
    let lines = into.axis_iter_mut(Axis(0));
    let mut lines: Vec<&mut [B]> =
        lines.map(|line| line.into_slice().expect("they lie together")).collect();
    for start in (0..table.ncols()).step_by(PLACES) {
        let places = start..table.ncols().min(start + PLACES);
        let part = table.slice_axis(Axis(1), places.clone().into());
        side_by_side(part, &mut lines, places, convert);
    }
}

/// Fills these places of each line with the row of `table` that has its number. The elements of a column lie close.
fn side_by_side<A, B>(
    table: ArrayView2<'_, A>,
    lines: &mut [&mut [B]],
    places: Range<usize>,
    convert: &impl Fn(&A) -> B,
) {
    let (several, rest) = lines.as_chunks_mut::<LINES>();
    let (upper, lower) = table.split_at(Axis(0), several.len() * LINES);
    for (rows, lines) in upper.axis_chunks_iter(Axis(0), LINES).zip(several) {
        let mut lines = lines.each_mut().map(|line| &mut line[places.clone()]);
        for (place, column) in rows.columns().into_iter().enumerate() {
            match column.as_slice().and_then(<[A]>::as_array::<LINES>) {
                Some(elements) => {
                    lines.iter_mut().zip(elements).for_each(|(line, e)| line[place] = convert(e));
                }
                None => {
                    lines.iter_mut().zip(&column).for_each(|(line, e)| line[place] = convert(e));
                }
            }
        }
    }
    for (row, line) in lower.rows().into_iter().zip(rest) {
        fill_line(row, &mut line[places.clone()], convert);
    }
}
