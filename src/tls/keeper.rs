//! Keeps the server's certificate current: the files are read again, new connections get what is new,
//! and those that stand go on as they are.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::failure::HandshakeFailure;
use super::files::{Contents, Files, LoadError};
use super::offer::Offer;
use super::settings::{CERTIFICATE, TlsConfig};
use crate::settings::LOOK_EVERY;
use crate::task::Task;

/// How long files may take. A mount that is there answers sooner.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// The certificate as it is now, and what has become of handshakes.
pub(crate) struct Keeper {
    files: Files,
    handshake_timeout: Duration,
    /// Replaced as a whole: no handshake sees one file of before and one of after.
    offer: RwLock<Arc<Offer>>,
    reload_failures: AtomicU64,
    handshakes_failed: [AtomicU64; HandshakeFailure::ALL.len()],
}

impl Keeper {
    /// Reads the files for the first time; and the work of reading them again, for ever.
    pub(crate) fn load(config: TlsConfig) -> Result<(Arc<Self>, Task), LoadError> {
        let TlsConfig { files, handshake_timeout } = config;
        let contents = files.read_in_time()?;
        let keeper = Arc::new(Self {
            files,
            handshake_timeout,
            offer: RwLock::new(Arc::new(Offer::of(&contents)?)),
            reload_failures: AtomicU64::new(0),
            handshakes_failed: Default::default(),
        });
        Ok((Arc::clone(&keeper), Box::pin(keeper.renew(contents))))
    }

    /// For those who are served.
    pub(crate) fn public(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.offer().public)
    }

    /// For those who watch: no client is asked for a certificate.
    pub(crate) fn management(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.offer().management)
    }

    /// How long a handshake may take.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// When the certificate ends, since 1970.
    pub(crate) fn expiry(&self) -> Duration {
        self.offer().expiry
    }

    /// How often the files held nothing that can be used.
    pub(crate) fn reload_failures(&self) -> u64 {
        self.reload_failures.load(Relaxed)
    }

    /// A handshake has failed.
    pub(crate) fn fail(&self, failure: HandshakeFailure) {
        if let Some(count) = self.handshakes_failed.get(failure as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How many have.
    pub(crate) fn failed(&self, failure: HandshakeFailure) -> u64 {
        self.handshakes_failed.get(failure as usize).map_or(0, |count| count.load(Relaxed))
    }

    fn offer(&self) -> Arc<Offer> {
        Arc::clone(&self.offer.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn renew(self: Arc<Self>, mut last: Contents) {
        self.tell_expiry("the certificate");
        let mut told = None;
        let mut reading: Option<JoinHandle<_>> = None;
        loop {
            sleep(LOOK_EVERY).await;
            let files = self.files.clone();
            // A mount that hangs holds this one thread, and no second one is begun beside it.
            let begun = reading.get_or_insert_with(|| spawn_blocking(move || files.read()));
            let read = match timeout(READ_WITHIN, begun).await {
                Err(_) => Err(LoadError::new(&CERTIFICATE, "its files do not answer")),
                Ok(done) => {
                    reading = None;
                    let Ok(read) = done else { continue };
                    read
                }
            };
            let offered = read.and_then(|contents| {
                let offer = (contents != last).then(|| Offer::of(&contents)).transpose()?;
                Ok(offer.map(|offer| (contents, offer)))
            });
            match offered {
                Ok(None) if told.take().is_some() => {
                    tracing::info!("the certificate's files are again those that are in use");
                }
                Ok(None) => {}
                Ok(Some((contents, offer))) => {
                    last = contents;
                    told = None;
                    *self.offer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(offer);
                    self.tell_expiry("the certificate has changed; the new one");
                }
                Err(error) => {
                    self.reload_failures.fetch_add(1, Relaxed);
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(%error, "the certificate's files have changed and cannot be used; the last one stays in use");
                        told = Some(error);
                    }
                }
            }
        }
    }

    fn tell_expiry(&self, what: &str) {
        let expiry = self.expiry();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let days = expiry.saturating_sub(now).as_secs() / (24 * 3600);
        if expiry <= now {
            tracing::warn!("{what} is in use and has expired: clients refuse it");
        } else {
            tracing::info!(days_left = days, "{what} is in use");
        }
    }
}
