# The Rust toolchain that rust-toolchain.toml names, which rustup reads too.
{ rust-bin }: rust-bin.fromRustupToolchainFile ../rust-toolchain.toml
