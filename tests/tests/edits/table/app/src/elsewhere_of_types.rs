//! Methods of types that another module has.

use crate::types::Split;

impl Split {
    pub(crate) fn elsewhere(&self) -> u64 {
        self.0 + «method_in_another_module: 1 ¦ 2»
    }
}
