//! Tasks, all of one kind: each kind of future that a runtime runs costs some 5 KB of the image.

use std::pin::Pin;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// What a task runs.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a future as a task of the caller's runtime.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    spawn_boxed(Box::pin(future))
}

/// The same for one that has its place already.
pub(crate) fn spawn_boxed(task: Task) -> JoinHandle<()> {
    tokio::spawn(task)
}

/// Runs a future as a task of another runtime.
pub(crate) fn spawn_on(
    handle: &Handle,
    future: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let task: Task = Box::pin(future);
    handle.spawn(task)
}

/// Lets other workers have what this one would run next. tokio keeps the task that was woken last for the
/// worker that woke it; a task that is handed over comes first now and then, and may block the worker.
pub(crate) fn share_next() {
    // It takes the place of that one, which goes to the queue that all share.
    drop(spawn(async {}));
}
