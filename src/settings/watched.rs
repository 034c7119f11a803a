//! Secrets that are used for as long as the service runs, and may be replaced meanwhile: a mounted
//! Kubernetes Secret, a file of the Vault agent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::secret::{Secret, SecretError};
use super::value::Value;

/// How often a file is looked at. The kubelet takes up to a minute to write a change.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// A kind of value that is a secret, or holds one: [`Secret`], the URL of a dependency, either of them
/// where it may be left out.
pub trait HoldsSecret: Value {
    /// The secret, where it is given.
    fn secret(&self) -> Option<&Secret>;
}

impl HoldsSecret for Secret {
    fn secret(&self) -> Option<&Secret> {
        Some(self)
    }
}

impl<T: HoldsSecret> HoldsSecret for Option<T> {
    fn secret(&self) -> Option<&Secret> {
        self.as_ref()?.secret()
    }
}

/// A secret as it is now. One in a file is read again every five seconds; while the file is gone or
/// empty, the last one stays. Made by [`Context::watch`](crate::Context::watch).
#[derive(Clone)]
pub struct Watched(watch::Receiver<Arc<str>>);

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

impl Watched {
    /// The secret.
    pub fn get(&self) -> Arc<str> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until it is another one, and returns that: for pools that have to be told. One that
    /// cannot change, because it is in no file, makes the caller wait for ever.
    ///
    /// ```no_run
    /// # async fn doc(mut url: pcf_api::Watched, set_password: impl Fn(&str)) {
    /// loop {
    ///     let url = url.changed().await;
    ///     set_password(&url);
    /// }
    /// # }
    /// ```
    pub async fn changed(&mut self) -> Arc<str> {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        Arc::clone(&self.0.borrow_and_update())
    }

    /// One that does not change.
    pub(crate) fn fixed(secret: &str) -> Self {
        Self(watch::channel(Arc::from(secret)).1)
    }

    /// Reads a secret, and, where it is in a file, the work of reading it again for ever. `name` is
    /// the setting's, for log lines.
    pub(crate) fn of(
        name: &'static str,
        secret: Secret,
    ) -> Result<(Self, Option<impl Future<Output = ()> + Send>), SecretError> {
        let (sender, receiver) = watch::channel(Arc::from(secret.read_in_time()?));
        let work = secret.is_in_file().then(|| read_again(name, secret, sender));
        Ok((Self(receiver), work))
    }
}

/// The secret as it is now, read on a thread for what blocks; none where there is none any more. A mount
/// that hangs holds that one thread and the caller, so no second one is begun beside it.
pub(crate) async fn read_apart(secret: &Secret) -> Option<Result<String, SecretError>> {
    let secret = secret.clone();
    spawn_blocking(move || secret.read()).await.ok()
}

async fn read_again(name: &'static str, secret: Secret, sender: watch::Sender<Arc<str>>) {
    let mut is_unreadable = false;
    loop {
        sleep(EVERY).await;
        match read_apart(&secret).await {
            Some(Ok(text)) => {
                if std::mem::take(&mut is_unreadable) {
                    tracing::info!(setting = name, "a secret can be read again");
                }
                let is_new = sender.send_if_modified(|last| {
                    let is_new = **last != *text;
                    if is_new {
                        *last = Arc::from(text);
                    }
                    is_new
                });
                if is_new {
                    tracing::info!(setting = name, "a secret has changed; the new one is in use");
                }
            }
            Some(Err(error)) if !is_unreadable => {
                is_unreadable = true;
                tracing::warn!(setting = name, %error, "a secret cannot be read; the last one stays in use");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_that_changes_is_read_again_and_one_that_is_gone_leaves_the_last() {
        let path = std::env::temp_dir().join(format!("pcf-api-watched-{}", std::process::id()));
        std::fs::write(&path, "first\n").unwrap();
        let secret = Secret::parse(&format!("file:{}", path.display())).unwrap();
        let (mut watched, work) = Watched::of("shop.key", secret).unwrap();
        tokio::spawn(work.unwrap());
        assert_eq!(&*watched.get(), "first");
        std::fs::write(&path, "second\n").unwrap();
        assert_eq!(&*watched.changed().await, "second");
        std::fs::remove_file(&path).unwrap();
        sleep(3 * EVERY).await;
        assert_eq!(&*watched.get(), "second");
        assert_eq!(format!("{watched:?}"), "<redacted>");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_no_file_cannot_change() {
        let (mut watched, work) = Watched::of("shop.key", Secret::parse("x").unwrap()).unwrap();
        assert!(work.is_none());
        tokio::time::timeout(EVERY, watched.changed()).await.unwrap_err();
        assert_eq!(&*watched.get(), "x");
    }
}
