//! An axum Router, as it is written for axum: extractors, state, a stream of events.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use pcf_api::Drain;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A note.
#[derive(Clone, Deserialize, Serialize)]
struct Note {
    text: String,
}

#[derive(Clone)]
struct Notes {
    all: Arc<Mutex<Vec<Note>>>,
    count: watch::Sender<usize>,
    drain: Drain,
}

/// The Router. It ends its streams when the drain begins.
pub fn router(drain: Drain) -> Router {
    Router::new()
        .route("/", get(list).post(create))
        .route("/files", post(files))
        .route("/events", get(events))
        // The route's limit is the limit; axum's own of 2 MB would stand below a larger one.
        .layer(DefaultBodyLimit::disable())
        .with_state(Notes { all: Arc::default(), count: watch::Sender::new(0), drain })
}

async fn list(State(notes): State<Notes>) -> Json<Vec<Note>> {
    Json(notes.all.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn create(State(notes): State<Notes>, Json(note): Json<Note>) -> StatusCode {
    let mut all = notes.all.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(note);
    notes.count.send_replace(all.len());
    StatusCode::CREATED
}

/// What there is to a file.
#[derive(Serialize)]
struct File {
    name: String,
    bytes: usize,
}

async fn files(mut form: Multipart) -> Result<Json<Vec<File>>, MultipartError> {
    let mut files = Vec::new();
    while let Some(mut field) = form.next_field().await? {
        let name = field.file_name().unwrap_or_default().to_owned();
        let mut bytes = 0;
        while let Some(piece) = field.chunk().await? {
            bytes += piece.len();
        }
        files.push(File { name, bytes });
    }
    Ok(Json(files))
}

/// How many notes there are, whenever that changes.
async fn events(State(notes): State<Notes>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let Notes { count, drain, .. } = notes;
    let counts = stream::unfold((count.subscribe(), true), |(mut count, is_first)| async move {
        if !is_first {
            count.changed().await.ok()?;
        }
        let now = *count.borrow_and_update();
        Some((Ok(Event::default().data(now.to_string())), (count, false)))
    });
    Sse::new(counts.take_until(async move { drain.closing().await }))
}
