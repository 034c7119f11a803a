//! Pages of the documentation that are made from the code.

use std::fs;
use std::path::Path;

/// Checks that a page of the documentation is what the code says it should be, or, with
/// `UPDATE_DOCS=1`, writes it.
pub(crate) fn assert_page(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is stale; mend it with: UPDATE_DOCS=1 cargo test documentation"
    );
}
