# The Rust toolchain that rust-toolchain.toml names, which rustup reads too.
{ rust-bin, root }: rust-bin.fromRustupToolchainFile (root + "/rust-toolchain.toml")
