//! The body of a response on its way to the client: in pieces, and watched.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::exchange::{Exchange, Progress};
use super::flow::Flow;
use crate::body::{Body, BoxError};
use crate::response::Response;

/// Most bytes that are handed over at once: so many may wait in the buffers of a client that does not
/// read, and one that takes less than this within the request timeout does not move.
const PIECE: usize = 16 * 1024;

/// A response's body, watched.
pub(crate) struct Observed {
    body: Body,
    is_shared: bool,
    /// What the body has given and is not handed over yet.
    rest: Bytes,
    /// Until the last piece has it.
    exchange: Option<Exchange>,
    is_source_pending: bool,
}

/// Goes on with the response's body.
pub(super) fn observe(mut exchange: Exchange, response: Response) -> hyper::Response<Observed> {
    exchange.respond(response.status());
    exchange.hold_unsent(response.body().owned_size());
    response.map(|body| Observed {
        is_shared: body.is_shared(),
        body,
        rest: Bytes::new(),
        exchange: Some(exchange),
        is_source_pending: false,
    })
}

impl Observed {
    /// More of the body, into `rest`.
    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(exchange) = &self.exchange else { return Poll::Ready(None) };
        if !self.body.is_stream() {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        // A stream is the handler's code: it may panic, fail, log, and keep the client waiting.
        let scope = exchange.scope();
        let poll =
            AssertUnwindSafe(|| scope.within(|| Pin::new(&mut self.body).poll_frame(context)));
        let frame = catch_unwind(poll).unwrap_or_else(|_| {
            exchange.panicked();
            Poll::Ready(Some(Err("the response's body panicked".into())))
        });
        if let Poll::Ready(Some(Err(error))) = &frame {
            scope.within(|| tracing::error!(%error, "the response's body broke off"));
        }
        frame
    }

    /// Tells whether it is the service that is waited for from here on, or the client.
    fn set_source_pending(&mut self, is_pending: bool) {
        let Some(exchange) = &self.exchange else { return };
        exchange.progress(!is_pending);
        if self.is_source_pending != is_pending {
            self.is_source_pending = is_pending;
            exchange.flow().set_source_pending(is_pending);
            if is_pending {
                exchange.wait();
            }
        }
    }

    /// The next piece of `rest`.
    fn piece(&mut self) -> Piece {
        let bytes = if self.rest.len() <= PIECE {
            mem::take(&mut self.rest)
        } else {
            self.rest.split_to(PIECE)
        };
        let is_last = self.is_end_stream();
        if let Some(exchange) = &mut self.exchange {
            exchange.send(bytes.len());
            if !self.is_shared {
                // HTTP/2 keeps the piece until it is written.
                let kept = if exchange.is_stream() { bytes.len() } else { 0 };
                exchange.hold_unsent(self.rest.len() + kept);
            }
        }
        let owner = match &self.exchange {
            Some(exchange) if is_last && exchange.is_stream() => self
                .exchange
                .take()
                .map_or(Owner::Nobody, |exchange| Owner::Last(Box::new(exchange))),
            Some(exchange) => exchange.stream().map_or(Owner::Nobody, |stream| {
                Owner::Part(Arc::clone(exchange.flow()), Arc::clone(stream))
            }),
            None => Owner::Nobody,
        };
        Piece { bytes, owner }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if self.is_source_pending {
            self.set_source_pending(false);
        }
    }
}

impl HttpBody for Observed {
    type Data = Piece;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BoxError>>> {
        if self.rest.is_empty() {
            let frame = self.poll_body(context);
            // Over HTTP/1.1, a body that is there at once: no look at the clock.
            let is_simple =
                self.exchange.as_ref().is_some_and(|it| !it.has_sent() && !it.is_stream());
            if !is_simple || self.body.is_stream() || !self.body.is_end_stream() {
                self.set_source_pending(frame.is_pending());
            }
            match frame {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => {
                        return Poll::Ready(Some(Ok(trailers.map_data(|_| Piece::default()))));
                    }
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        } else {
            self.set_source_pending(false);
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a response's body on their way. HTTP/1.1 copies them at once; HTTP/2 keeps them until
/// they are written, and so tells when the client has taken some.
#[derive(Default)]
pub(crate) struct Piece {
    bytes: Bytes,
    owner: Owner,
}

/// Who is to know that the bytes are written.
#[derive(Default)]
enum Owner {
    #[default]
    Nobody,
    Part(Arc<Flow>, Arc<Progress>),
    /// The last ones have the exchange itself: it ends when they are written, and not when they are
    /// queued.
    Last(Box<Exchange>),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        match &self.owner {
            Owner::Nobody => {}
            Owner::Part(flow, progress) => progress.moved(flow.now()),
            Owner::Last(exchange) => exchange.progress(true),
        }
    }
}
