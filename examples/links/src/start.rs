//! What is made at the start, runs beside the routes, and is closed at the end.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use pcf_api::{BoxError, Context, Criticality, DATABASE_URL, Drain, Watched};
use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::broadcast;
use tokio::time::sleep;

use crate::error::LinkError;
use crate::settings::{API_KEY, EXPIRE_EVERY, KEEP, LOOK_CA, MAX_CONNECTIONS, MAX_LENGTH};
use crate::store;

/// How long a request waits for a connection of the pool: shorter than clients wait.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a look at a target may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many events a slow reader of theirs may be behind.
const EVENTS: usize = 1024;

/// What the handlers share.
#[derive(Debug)]
pub struct Links {
    pub pool: PgPool,
    pub(crate) client: reqwest::Client,
    /// Links that were made, as events.
    pub(crate) events: broadcast::Sender<Bytes>,
    pub(crate) drain: Drain,
    pub(crate) api_key: Watched,
    pub(crate) max_length: usize,
    pub(crate) keep: Duration,
}

pub async fn start(context: Context) -> Result<Links, BoxError> {
    let url = context.watch(&DATABASE_URL)?;
    let pool = PgPoolOptions::new()
        .max_connections(context.get(&MAX_CONNECTIONS))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(url.get().parse()?)
        .await?;
    // The release before must start too, after a rollback, when it knows fewer files.
    sqlx::migrate!().set_ignore_missing(true).run(&pool).await?;

    let checked = pool.clone();
    context.check("pool", Criticality::Critical, move || {
        let pool = checked.clone();
        async move { store::check(&pool).await }
    });

    let rotated = pool.clone();
    context.background("rotation", move |drain| rotate(rotated.clone(), url.clone(), drain));
    let (expired, every) = (pool.clone(), context.get(&EXPIRE_EVERY));
    context.background("expiry", move |drain| expire(expired.clone(), every, drain));
    let (listening, events) = (pool.clone(), broadcast::Sender::new(EVENTS));
    let sender = events.clone();
    context.background("events", move |drain| listen(listening.clone(), sender.clone(), drain));

    let closed = pool.clone();
    context.on_stop(async move || closed.close().await);

    Ok(Links {
        pool,
        client: client(context.get(&LOOK_CA))?,
        events,
        drain: context.drain(),
        api_key: context.watch(&API_KEY)?,
        max_length: context.get(&MAX_LENGTH),
        keep: context.get(&KEEP),
    })
}

/// New connections are made by the new password; what is open stays so for half an hour at most.
async fn rotate(pool: PgPool, mut url: Watched, drain: Drain) -> Result<(), BoxError> {
    loop {
        tokio::select! {
            url = url.changed() => pool.set_connect_options(url.parse()?),
            () = drain.begun() => return Ok(()),
        }
    }
}

async fn expire(pool: PgPool, every: Duration, drain: Drain) -> Result<(), LinkError> {
    while !drain.has_begun() {
        let count = store::expire(&pool).await?;
        if count > 0 {
            pcf_api::tracing::info!(count, "links have expired");
        }
        tokio::select! {
            () = sleep(every) => {}
            () = drain.begun() => {}
        }
    }
    Ok(())
}

/// Hears of links that any instance makes, until the streams of events end.
async fn listen(
    pool: PgPool,
    events: broadcast::Sender<Bytes>,
    drain: Drain,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(store::CHANNEL).await?;
    loop {
        let told = tokio::select! {
            told = listener.recv() => told?,
            () = drain.closing() => return Ok(()),
        };
        // Nobody may be there to read it.
        let _ = events.send(format!("data: {}\n\n", told.payload()).into());
    }
}

/// SECURITY: it follows no redirects, which could lead anywhere.
fn client(ca: Option<String>) -> Result<reqwest::Client, BoxError> {
    // That there is one already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(LOOK_TIMEOUT);
    if let Some(path) = ca {
        let pem = fs::read(&path).map_err(|error| format!("links.look_ca, {path}: {error}"))?;
        client = client.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    Ok(client.build()?)
}

#[cfg(test)]
impl Links {
    /// For tests of handlers: a database that is away, and whatever ends the streams.
    pub(crate) fn away(drain: Drain) -> Self {
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(50));
        Self {
            pool: pool.connect_lazy("postgres://links@127.0.0.1:1/links").unwrap(),
            client: client(None).unwrap(),
            events: broadcast::Sender::new(EVENTS),
            drain,
            api_key: pcf_api::testing::watched("key"),
            max_length: 40,
            keep: Duration::from_secs(60),
        }
    }
}
