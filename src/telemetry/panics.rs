//! Panics as log lines, in place of the default hook's unstructured text on standard error.

use std::panic::{self, PanicHookInfo};

/// Makes every panic of the process one ERROR line, with the trace id of its request.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        tracing::error!(target: "panic", location, thread, "panicked: {}", message(info));
    }));
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload_as_str().unwrap_or("(no message)")
}
