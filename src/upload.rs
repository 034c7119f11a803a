//! The body of a request, as it arrives: its limit, what is counted of it, and what is known of it while
//! a handler has it.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;

use crate::body::BoxError;
use crate::bounds::{Full as NoRoom, Hold, Reason, Share};
use crate::code::Code;
use crate::error::Error;

/// What it costs to receive a body, whatever is kept of it: hyper's buffer grows. Measured: 16 KiB.
const RECEIVING: usize = 16 * 1024;

/// Most pieces that a body may come in beyond one for so many bytes: each costs a microsecond.
const MAX_PIECES: usize = 10_000;
const BYTES_A_PIECE: usize = 64;

/// What a piece costs beside its bytes.
const A_PIECE: usize = 128;

/// A whole body, counted as long as anyone has it.
struct Kept {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// 413, for a body past the limit.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(Code::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
}

/// How a body fares in the hands of a handler.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    waits: AtomicBool,
    has_ended: AtomicBool,
    frames: AtomicU32,
    failure: OnceLock<Failure>,
}

/// What a body has failed of, where that is the service's own rule.
#[derive(Clone, Copy, Debug)]
enum Failure {
    TooLarge { limit: usize },
    Shed(Reason),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge { limit } => too_large(limit),
            Failure::Shed(reason) => Self::shed(reason),
        }
    }
}

impl Upload {
    /// Whether the handler waits for the client to send more.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Relaxed)
    }

    /// How many frames of it there were.
    pub(crate) fn frames(&self) -> u32 {
        self.frames.load(Relaxed)
    }

    /// What the client is told of its failure.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.get().copied().map(Error::from)
    }

    /// Whether all of it was read.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }
}

/// The body of a request, as it arrives.
///
/// It fails past the route's limit, with the error by which every library of the ecosystem knows
/// that ([`http_body_util::LengthLimitError`]), so that the answer is 413 behind them too. Its pieces
/// are counted among the bytes that the service holds for as long as anyone has them.
pub struct RequestBody {
    source: Source,
    /// The most that may be read, and how much of it may still come.
    limit: usize,
    left: usize,
    /// None where there is no body.
    upload: Option<Arc<Upload>>,
    /// None of a body that is in memory anyway, in tests and behind layers.
    hold: Option<Hold>,
}

/// What a body that layers have made of another may have.
#[derive(Clone)]
pub(crate) struct Allowance {
    limit: usize,
    share: Option<Arc<Share>>,
}

type Boxed = Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>;

enum Source {
    Incoming(Incoming),
    /// What layers have made of it. In a lock that is never locked: a handler's future may hold on
    /// to a reference to its request, and be given from thread to thread.
    Other(Mutex<Boxed>),
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("left", &self.left).finish_non_exhaustive()
    }
}

impl RequestBody {
    /// One that comes from a client: it may have so many bytes, those that are kept counted in `hold`.
    pub(crate) fn incoming(incoming: Incoming, limit: usize, hold: Hold) -> Self {
        let upload = (!incoming.is_end_stream()).then(Arc::default);
        let source = Source::Incoming(incoming);
        Self { source, limit, left: limit, upload, hold: Some(hold) }
    }

    /// What may be read of a body that layers have made of this one: a layer that unpacks it must
    /// not make more of it than the route allows.
    pub(crate) fn allowance(&self) -> Allowance {
        Allowance { limit: self.limit, share: self.hold.as_ref().map(Hold::share) }
    }

    /// One of another kind, within what was allowed for the one that it was made of.
    pub(crate) fn of<B>(body: B, allowance: Option<Allowance>) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut own = Some(body);
        // Where no layer has changed it, it is what it was.
        if let Some(own) = (&mut own as &mut dyn Any).downcast_mut::<Option<Self>>()
            && let Some(own) = own.take()
        {
            return own;
        }
        let boxed: Boxed = match own {
            Some(body) => Box::pin(body.map_err(Into::into)),
            None => Box::pin(Empty::new().map_err(|never| match never {})),
        };
        let source = Source::Other(Mutex::new(boxed));
        let limit = allowance.as_ref().map_or(usize::MAX, |allowance| allowance.limit);
        let hold = allowance.and_then(|allowance| allowance.share).map(|share| share.hold());
        Self { source, limit, left: limit, upload: None, hold }
    }

    /// What can be asked of it once a handler has it; none where there is no body.
    pub(crate) fn upload(&self) -> Option<Arc<Upload>> {
        self.upload.clone()
    }

    /// All of it, in one buffer: each piece kept as it came would hold the memory that it was read
    /// into.
    pub(crate) async fn whole(mut self) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|context| self.poll_piece(context)).await {
            if let Ok(data) = frame?.into_data() {
                whole.reserve(data.len());
                self.keep(whole.capacity())?;
                whole.extend_from_slice(&data);
            }
        }
        let bytes = whole.freeze();
        Ok(match self.hold.take() {
            Some(mut hold) => {
                // Hyper's buffer stays, and has grown with the body. Measured: by twice its size.
                let buffer = bytes.len().saturating_mul(2).min(RECEIVING);
                let _less = hold.resize(bytes.len() + buffer);
                Bytes::from_owner(Kept { bytes, _hold: hold })
            }
            None => bytes,
        })
    }

    /// So many bytes of it are kept; 503 where there is no room for them.
    fn keep(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(hold) = &mut self.hold else { return Ok(()) };
        let held = hold.resize(RECEIVING + bytes);
        held.map_err(|NoRoom| self.failed(Failure::Shed(Reason::BufferedBytes)))
    }

    /// Remembers why it has failed, and makes an error of it.
    fn failed(&self, failure: Failure) -> Error {
        if let Some(upload) = &self.upload {
            let _ = upload.failure.set(failure);
        }
        failure.into()
    }

    /// The next piece, within the limits and not counted.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.upload.is_some() && self.hold.as_ref().is_some_and(|hold| hold.bytes() == 0) {
            self.keep(0)?;
        }
        let frame = match &mut self.source {
            Source::Incoming(incoming) => Pin::new(incoming).poll_frame(context).map_err(|error| {
                let message = "the body did not arrive whole";
                Error::new(Code::INVALID_INPUT, message).caused_by(error)
            }),
            Source::Other(other) => {
                let other = other.get_mut().unwrap_or_else(PoisonError::into_inner);
                other.as_mut().poll_frame(context).map_err(Error::from)
            }
        };
        if let Some(upload) = &self.upload {
            upload.waits.store(frame.is_pending(), Relaxed);
        }
        frame.map(|frame| self.limited(frame))
    }

    /// A frame as the handler gets it.
    fn limited(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Error>>,
    ) -> Option<Result<Frame<Bytes>, Error>> {
        if let Some(upload) = &self.upload {
            let has_ended = frame.is_none() || self.source_has_ended();
            upload.has_ended.store(has_ended, Relaxed);
            upload.frames.fetch_add(1, Relaxed);
        }
        let frame = match frame? {
            Ok(frame) => frame,
            Err(error) => return Some(Err(error)),
        };
        let size = frame.data_ref().map_or(0, Bytes::len);
        let pieces = self.upload.as_ref().map_or(0, |upload| upload.frames()) as usize;
        if pieces > MAX_PIECES + (self.limit - self.left) / BYTES_A_PIECE {
            let message = "the body comes in too many pieces that are too small";
            return Some(Err(Error::new(Code::INVALID_INPUT, message)));
        }
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => return Some(Err(self.failed(Failure::TooLarge { limit: self.limit }))),
        }
        Some(Ok(frame))
    }

    fn source_has_ended(&self) -> bool {
        match &self.source {
            Source::Incoming(incoming) => incoming.is_end_stream(),
            Source::Other(_) => false,
        }
    }

    /// A piece that is counted as long as anyone has it.
    fn counted(&self, bytes: Bytes) -> Result<Bytes, Error> {
        let Some(hold) = &self.hold else { return Ok(bytes) };
        let mut hold = hold.share().hold();
        let held = hold.resize(bytes.len() + A_PIECE);
        held.map_err(|NoRoom| self.failed(Failure::Shed(Reason::BufferedBytes)))?;
        Ok(Bytes::from_owner(Kept { bytes, _hold: hold }))
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(self.poll_piece(context)) else { return Poll::Ready(None) };
        let counted = frame.and_then(|frame| match frame.into_data() {
            Ok(bytes) => self.counted(bytes).map(Frame::data),
            Err(trailers) => Ok(trailers),
        });
        Poll::Ready(Some(counted.map_err(|error| {
            if error.code() == Code::PAYLOAD_TOO_LARGE {
                length_limit_error()
            } else {
                error.into()
            }
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.source_has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Incoming(incoming) => incoming.size_hint(),
            Source::Other(_) => SizeHint::default(),
        }
    }
}

/// The ecosystem's own error of a body past its limit, which cannot be made but by such a body.
fn length_limit_error() -> BoxError {
    let mut body = Limited::new(Full::new(Bytes::from_static(b"too large")), 0);
    match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Err(error))) => error,
        _ => Error::new(Code::PAYLOAD_TOO_LARGE, "the body is larger than the limit").into(),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::LengthLimitError;

    use super::*;

    #[tokio::test]
    async fn what_no_layer_has_changed_is_what_it_was() {
        let body = RequestBody::of(Full::new(Bytes::from_static(b"abc")), None);
        let again = RequestBody::of(RequestBody { limit: 7, left: 7, ..body }, None);
        assert_eq!(again.limit, 7, "not wrapped");
        assert_eq!(again.whole().await.unwrap(), "abc");
    }

    #[tokio::test]
    async fn past_the_limit_it_fails_as_every_library_knows_it() {
        let mut body = RequestBody::of(Full::new(Bytes::from_static(b"abc")), None);
        (body.limit, body.left) = (2, 2);
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<LengthLimitError>(), "{error}");
        assert_eq!(Error::from(error).code(), Code::PAYLOAD_TOO_LARGE);
    }
}
