//! The first byte of everything in the stream. Listed in `docs/format.md`; a number is never reused.

/// What every stream begins with.
pub(super) const DOMAIN: &[u8] = b"daglite content v1";

pub(super) const UNIT: u8 = 0x01;
pub(super) const BOOL: u8 = 0x02;
pub(super) const CHAR: u8 = 0x03;

pub(super) const U8: u8 = 0x10;
pub(super) const U16: u8 = 0x11;
pub(super) const U32: u8 = 0x12;
pub(super) const U64: u8 = 0x13;
pub(super) const U128: u8 = 0x14;
pub(super) const USIZE: u8 = 0x15;
pub(super) const I8: u8 = 0x18;
pub(super) const I16: u8 = 0x19;
pub(super) const I32: u8 = 0x1a;
pub(super) const I64: u8 = 0x1b;
pub(super) const I128: u8 = 0x1c;
pub(super) const ISIZE: u8 = 0x1d;
pub(super) const F32: u8 = 0x20;
pub(super) const F64: u8 = 0x21;

/// Method, length, bytes.
pub(super) const STR: u8 = 0x30;
/// Element tag, method, count, bytes.
pub(super) const BULK: u8 = 0x31;

/// Length; as many nodes follow.
pub(super) const SEQ: u8 = 0x40;
/// Length; as many nodes follow.
pub(super) const TUPLE: u8 = 0x41;
/// Name, length; as many fields follow.
pub(super) const STRUCT: u8 = 0x42;
/// Name; one node follows.
pub(super) const FIELD: u8 = 0x43;
/// Name, length; as many nodes follow.
pub(super) const TUPLE_STRUCT: u8 = 0x44;
/// Index, name of the enum, name of the variant; one node follows.
pub(super) const VARIANT: u8 = 0x45;
pub(super) const NONE: u8 = 0x46;
/// One node follows.
pub(super) const SOME: u8 = 0x47;
/// Kind, count, sorted digests.
pub(super) const UNORDERED: u8 = 0x48;
/// Name; one node follows. For types of the standard library and of daglite that no user's type can spell.
pub(super) const BUILTIN: u8 = 0x49;
/// Nodes follow until the matching `END`.
pub(super) const STREAM: u8 = 0x4a;
/// Count of the nodes since the matching beginning.
pub(super) const END: u8 = 0x4b;
/// 16 bytes that stand for the form of a derived type; as many nodes follow as it has fields.
pub(super) const DERIVED: u8 = 0x4c;
