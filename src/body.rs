//! The body of a response: whole, or a stream.

use std::any::Any;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response. Whole bodies need no allocation beyond their bytes.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use bytes::Bytes;
/// use http_body::Frame;
/// use pcf_api::{Body, BoxError};
///
/// let whole: Body = "a text".into();
///
/// /// Made while it is sent. (`http_body_util::StreamBody` makes one of any stream.)
/// struct Countdown(u32);
///
/// impl http_body::Body for Countdown {
///     type Data = Bytes;
///     type Error = BoxError;
///
///     fn poll_frame(
///         mut self: Pin<&mut Self>,
///         _: &mut Context<'_>,
///     ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
///         let Some(next) = self.0.checked_sub(1) else { return Poll::Ready(None) };
///         self.0 = next;
///         Poll::Ready(Some(Ok(Frame::data(format!("{next}\n").into()))))
///     }
/// }
///
/// let streamed = Body::stream(Countdown(3));
/// # drop((whole, streamed));
/// ```
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// Of this response alone.
    Whole(Bytes),
    /// Of many at once, or of the program.
    Shared(Bytes),
    Stream(Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>),
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body that is made while it is sent. One that makes nothing may take as long as it likes; a
    /// client that does not take what is made is cut after the request timeout. One that closes its
    /// sending half while nothing is made counts as gone: over HTTP/1.1 nothing else tells. One that
    /// vanishes, with its machine, is found by TCP keep-alive within two and a half minutes.
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        Self(Kind::Stream(Box::pin(body)))
    }

    /// A body of the ecosystem's types; one of this type is what it is.
    pub(crate) fn of<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>()
            && let Some(own) = own.take()
        {
            return own;
        }
        body.map_or_else(Self::empty, |body| Self::stream(body.map_err(Into::into)))
    }

    /// Bytes that are there anyway and that many responses have at once.
    pub(crate) fn shared(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Shared(bytes)) }
    }

    /// How many bytes there are for it alone.
    pub(crate) fn owned_size(&self) -> usize {
        if let Kind::Whole(bytes) = &self.0 { bytes.len() } else { 0 }
    }

    /// Whether what it gives is there anyway.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.0, Kind::Shared(_))
    }

    /// Whether it is made while it is sent.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.0, Kind::Stream(_))
    }

    /// How many bytes it has, where that is known.
    pub(crate) fn exact_size(&self) -> Option<u64> {
        self.size_hint().exact()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Whole(bytes)) }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::shared(Bytes::from_static(text.as_bytes()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("bytes", &self.exact_size()).finish_non_exhaustive()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) | Kind::Shared(bytes) => {
                let bytes = mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) => stream.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Whole(_) | Kind::Shared(_) => false,
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) | Kind::Shared(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}
