//! Colour spaces as the code points of ITU-T H.273, the four bytes of PNG's chunk `cICP`.

use image::metadata::{
    Cicp, CicpColorPrimaries as Primaries, CicpMatrixCoefficients as Matrix,
    CicpTransferCharacteristics as Transfer, CicpVideoFullRangeFlag as Range,
};

use crate::error::BoxError;

/// All primaries that the crate has.
const PRIMARIES: [Primaries; 12] = [
    Primaries::SRgb,
    Primaries::Unspecified,
    Primaries::RgbM,
    Primaries::RgbB,
    Primaries::Bt601,
    Primaries::Rgb240m,
    Primaries::GenericFilm,
    Primaries::Rgb2020,
    Primaries::Xyz,
    Primaries::SmpteRp431,
    Primaries::SmpteRp432,
    Primaries::Industry22,
];

/// All transfer functions that the crate has.
const TRANSFERS: [Transfer; 17] = [
    Transfer::Bt709,
    Transfer::Unspecified,
    Transfer::Bt470M,
    Transfer::Bt470BG,
    Transfer::Bt601,
    Transfer::Smpte240m,
    Transfer::Linear,
    Transfer::Log100,
    Transfer::LogSqrt,
    Transfer::Iec61966_2_4,
    Transfer::Bt1361,
    Transfer::SRgb,
    Transfer::Bt2020_10bit,
    Transfer::Bt2020_12bit,
    Transfer::Smpte2084,
    Transfer::Smpte428,
    Transfer::Bt2100Hlg,
];

/// Primaries, transfer function, matrix, range.
pub(super) fn code_points(space: Cicp) -> [u8; 4] {
    [space.primaries as u8, space.transfer as u8, space.matrix as u8, space.full_range as u8]
}

/// The space of these code points, if an image can have it.
pub(super) fn of_code_points(points: [u8; 4]) -> Result<Cicp, BoxError> {
    let [primaries, transfer, 0, 1] = points else { return Err(unknown(points)) };
    let primaries = PRIMARIES.into_iter().find(|known| *known as u8 == primaries);
    let transfer = TRANSFERS.into_iter().find(|known| *known as u8 == transfer);
    let (Some(primaries), Some(transfer)) = (primaries, transfer) else {
        return Err(unknown(points));
    };
    Ok(Cicp { primaries, transfer, matrix: Matrix::Identity, full_range: Range::FullRange })
}

fn unknown([primaries, transfer, matrix, range]: [u8; 4]) -> BoxError {
    format!(
        "its colour space, primaries {primaries}, transfer {transfer}, matrix {matrix}, range {range}, is none that images \
         of the crate `image` can have"
    )
    .into()
}
