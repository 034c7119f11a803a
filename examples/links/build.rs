//! `sqlx::migrate!` puts the files of `migrations/` into the binary; cargo does not see that by itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
