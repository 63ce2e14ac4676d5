use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a host may be silent. What moves, however slowly, may take any time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until a connection stands, with a proxy's tunnel and TLS.
    pub(super) connect: Duration,
    /// From the last byte that was sent to the head of the answer.
    pub(super) head: Duration,
    /// As `head`, after something that the registry has to keep: it may check it, and move it to where blobs are stored.
    pub(super) keep: Duration,
    /// Between two pieces of an answer's body.
    pub(super) body: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(30),
            head: Duration::from_secs(30),
            keep: Duration::from_secs(300),
            body: Duration::from_secs(30),
        }
    }
}

/// When something was last sent over a connection.
#[derive(Clone, Debug)]
pub(super) struct LastSent(Arc<Mutex<Instant>>);

impl LastSent {
    pub(super) fn now() -> LastSent {
        LastSent(Arc::new(Mutex::new(Instant::now())))
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns once nothing has been sent for so long.
    pub(super) async fn is_past(&self, limit: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match limit.checked_sub(last.elapsed()) {
                Some(rest) if !rest.is_zero() => sleep(rest).await,
                _ => return,
            }
        }
    }
}

/// A connection that notes when something is sent over it: an upload may take longer than any limit.
pub(super) struct Noted<L> {
    pub(super) line: L,
    pub(super) sent: LastSent,
}

impl<L> Noted<L> {
    fn note(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(count)) if count > 0) {
            self.sent.note();
        }
        polled
    }
}

impl<L: AsyncRead + Unpin> AsyncRead for Noted<L> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_read(cx, buffer)
    }
}

impl<L: AsyncWrite + Unpin> AsyncWrite for Noted<L> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.line).poll_write(cx, bytes);
        self.note(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.line).poll_write_vectored(cx, slices);
        self.note(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.line.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }
}

/// An answer's body that fails when it stands still while somebody waits for it.
pub(super) struct Steady {
    body: Incoming,
    limit: Duration,
    /// `None`: nobody waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Steady {
    pub(super) fn new(body: Incoming, limit: Duration) -> Steady {
        Steady {
            body,
            limit,
            waiting: None,
        }
    }
}

impl Body for Steady {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let limit = this.limit;
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        this.waiting = None;
        let why = format!("nothing more came for {} s", limit.as_secs());
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, why))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
