//! One connection, from its first head to its end: on the main thread until it asks for something
//! that the main thread does not answer itself, and then on the workers.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::admission::{Admission, Place};
use super::gate;
use super::h1::{self, Answers, Left};
#[cfg(feature = "tls")]
use super::handshake::{self, Handshakes};
use super::head::{self, Head};
use super::socket::{self, Detached, Socket};
use super::workers::Workers;
use super::{Limits, h2, linger, refusal};
use crate::bounds::{Reason, Turn};
use crate::layers::{Flow, Layers};
use crate::task;

/// What connections need, the same for all of them.
pub(super) struct Shared {
    pub(super) layers: Arc<Layers>,
    pub(super) limits: Limits,
    pub(super) admission: Arc<Admission>,
    pub(super) workers: Workers,
    /// The way back to the main thread. Not bounded by itself: each message holds a place.
    pub(super) home: mpsc::UnboundedSender<Parcel>,
    /// Where the port speaks TLS.
    #[cfg(feature = "tls")]
    pub(super) handshakes: Option<Handshakes>,
}

/// A connection on its way from one thread to another. A socket belongs to the runtime that waits for
/// it: it is taken out of one, and put into the other.
pub(super) struct Parcel {
    stream: Detached,
    ahead: Bytes,
    flow: Arc<Flow>,
    place: Place,
}

#[cfg(feature = "tls")]
impl Parcel {
    /// A connection whose first head is still to come.
    pub(super) fn new(stream: Detached, flow: Arc<Flow>, place: Place) -> Self {
        Self { stream, ahead: Bytes::new(), flow, place }
    }
}

/// Receives connections that come back, for ever.
pub(super) async fn receive_back(shared: Arc<Shared>, mut home: mpsc::UnboundedReceiver<Parcel>) {
    while let Some(Parcel { stream, ahead, flow, place }) = home.recv().await {
        match Socket::from_std(stream) {
            Ok(stream) => {
                task::spawn(receive(Arc::clone(&shared), stream, ahead, flow, place));
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be taken over"),
        }
    }
}

/// Receives a connection that is new.
pub(super) fn receive_new(shared: &Arc<Shared>, stream: TcpStream, place: Place) {
    let flow = Arc::new(Flow::new(Arc::clone(&shared.layers), place.is_reserve()));
    #[cfg(feature = "tls")]
    if let Some(handshakes) = &shared.handshakes {
        return handshake::begin(shared, handshakes, stream, flow, place);
    }
    task::spawn(receive(Arc::clone(shared), socket::plain(stream), Bytes::new(), flow, place));
}

/// Receives a connection, on the main thread. It waits for heads, answers those who watch the
/// service, and gives the connection to the workers with the first other request.
async fn receive(
    shared: Arc<Shared>,
    mut stream: Socket,
    mut ahead: Bytes,
    flow: Arc<Flow>,
    mut place: Place,
) {
    let (limits, queue) = (&shared.limits, &shared.layers.bounds.queue);
    loop {
        ahead = match head::wait(&mut stream, &flow, limits, ahead).await {
            Head::Begun(bytes) => bytes,
            Head::Refused => return linger::close(stream).await,
            Head::Over => return socket::leave(stream),
        };
        let is_own = !h2::begins(&ahead) && gate::is_own(&flow, &ahead);
        if !is_own && place.is_reserve() && shared.admission.promote(&mut place).await {
            flow.leave_reserve();
        }
        if h2::begins(&ahead) {
            return hand_over(&shared, stream, ahead, flow, place, None);
        }
        if !is_own && !flow.is_reserve() {
            if let Some(turn) = queue.turn(|| flow.now()).await {
                return hand_over(&shared, stream, ahead, flow, place, Some(turn));
            }
            if !refusal::shed_whole(&mut stream, &flow, &ahead, Reason::QueueTime).await {
                return linger::close(stream).await;
            }
            ahead = Bytes::new();
            continue;
        }
        match h1::serve(stream, ahead, &flow, limits, Answers::Own).await {
            Left::Quiet(socket, unused) => (stream, ahead) = (socket, unused),
            Left::Done(socket) => return linger::close(socket).await,
            Left::Gone => return,
        }
    }
}

fn hand_over(
    shared: &Arc<Shared>,
    stream: Socket,
    ahead: Bytes,
    flow: Arc<Flow>,
    place: Place,
    turn: Option<Turn>,
) {
    let stream = match stream.into_std() {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection cannot be handed over"),
    };
    flow.hand_over();
    let here = Arc::clone(shared);
    shared.workers.spawn(async move {
        task::share_next();
        drop(turn);
        match Socket::from_std(stream) {
            Ok(stream) => serve(&here, stream, ahead, flow, place).await,
            Err(error) => tracing::warn!(%error, "a connection cannot be taken over"),
        }
    });
}

/// Serves a connection until it ends, on the workers, or gives it back.
async fn serve(
    shared: &Shared,
    mut stream: Socket,
    mut ahead: Bytes,
    flow: Arc<Flow>,
    place: Place,
) {
    let (limits, bounds) = (&shared.limits, &shared.layers.bounds);
    if flow.take_over() {
        refusal::shed(&mut stream, &flow, &ahead, Reason::QueueTime).await;
        return linger::close(stream).await;
    }
    loop {
        if !bounds.has_room(|| flow.now()) {
            refusal::shed(&mut stream, &flow, &ahead, Reason::BufferedBytes).await;
            return linger::close(stream).await;
        }
        // Each in a box of its own, so that a connection that waits does not hold room for it.
        if !flow.has_served() && h2::begins(&ahead) {
            return Box::pin(h2::serve(stream, ahead, &flow, limits)).await;
        }
        match Box::pin(h1::serve(stream, ahead, &flow, limits, Answers::All)).await {
            Left::Quiet(socket, unused) => (stream, ahead) = (socket, unused),
            Left::Done(socket) => return linger::close(socket).await,
            Left::Gone => return,
        }
        if !bounds.queue.is_guarded(|| flow.now()) {
            ahead = match head::wait(&mut stream, &flow, limits, ahead).await {
                Head::Begun(bytes) => bytes,
                Head::Refused => return linger::close(stream).await,
                Head::Over => return socket::leave(stream),
            };
        }
        if bounds.queue.is_guarded(|| flow.now()) {
            return match stream.into_std() {
                Ok(stream) => drop(shared.home.send(Parcel { stream, ahead, flow, place })),
                Err(error) => tracing::warn!(%error, "a connection cannot be given back"),
            };
        }
    }
}
