//! Content of `rust_decimal::Decimal`: all that a task can see of it, so that 1.0 is not 1.00, nor 0 negative 0.

use rust_decimal::Decimal;

use super::{ContentHash, ContentHasher};

impl ContentHash for Decimal {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("rust_decimal::Decimal");
        hasher.begin_tuple(3);
        hasher.bool(self.is_sign_negative());
        hasher.u128(self.mantissa().unsigned_abs());
        hasher.u32(self.scale());
    }
}
