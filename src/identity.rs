//! What is running: the name and version of the crate that the service is, and the platform.

/// The crate that calls: its name, version and description are the service's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// One line for `--help`; may be empty.
    pub(crate) description: &'static str,
}

/// The platform of this build: processor, system and C library.
pub const TARGET: &str = if cfg!(all(target_arch = "x86_64", target_env = "musl")) {
    "x86_64-linux-musl"
} else if cfg!(all(target_arch = "aarch64", target_env = "musl")) {
    "aarch64-linux-musl"
} else if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
    "x86_64-linux-gnu"
} else if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    "aarch64-linux-gnu"
} else if cfg!(all(target_arch = "aarch64", target_os = "macos")) {
    "aarch64-darwin"
} else {
    "other"
};

/// This crate's own, for tests of what needs one.
#[cfg(test)]
pub(crate) const TEST: Identity =
    Identity { name: "pcf-api", version: env!("CARGO_PKG_VERSION"), description: "A test" };
