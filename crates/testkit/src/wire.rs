//! A connection that can be told to die: at once, when all is flushed, or after so many bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What is known about a connection, for those who do not own its socket.
#[derive(Debug)]
pub(crate) struct Wire {
    number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    dead: bool,
    /// By RST rather than by FIN.
    abrupt: bool,
    /// Dies as soon as everything written has gone to the kernel.
    when_flushed: bool,
    /// Dies after this many more bytes.
    bytes_left: Option<u64>,
    /// The task that drives the connection.
    task: Option<Waker>,
    /// A body that waits for the death.
    mourner: Option<Waker>,
}

impl Wire {
    pub(crate) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            state: Mutex::default(),
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Dies now.
    pub(crate) fn die(&self, abrupt: bool) {
        let mut state = self.state();
        state.abrupt |= abrupt;
        state.die();
    }

    /// Dies when `bytes` more bytes have been written.
    pub(crate) fn die_after(&self, bytes: u64, abrupt: bool) {
        let mut state = self.state();
        state.abrupt |= abrupt;
        state.bytes_left = Some(bytes);
    }

    /// Dies when everything written has been flushed.
    pub(crate) fn die_flushed(&self, abrupt: bool) {
        let mut state = self.state();
        state.abrupt |= abrupt;
        state.when_flushed = true;
        // An idle connection has nothing to flush, but flushes when it is polled.
        state.wake_task();
    }

    /// Dies when everything written has been flushed, and is ready then.
    pub(crate) fn poll_die_flushed(&self, abrupt: bool, cx: &mut Context<'_>) -> Poll<()> {
        if self.state().dead {
            return Poll::Ready(());
        }
        self.state().mourner = Some(cx.waker().clone());
        self.die_flushed(abrupt);
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn die(&mut self) {
        self.dead = true;
        self.wake_task();
        if let Some(mourner) = self.mourner.take() {
            mourner.wake();
        }
    }

    fn wake_task(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    fn check(&mut self, cx: &Context<'_>) -> io::Result<()> {
        if self.dead {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.task = Some(cx.waker().clone());
        Ok(())
    }
}

/// The socket of a connection.
#[derive(Debug)]
pub(crate) struct WireIo {
    io: TcpStream,
    wire: Arc<Wire>,
    open: watch::Sender<usize>,
}

impl WireIo {
    pub(crate) fn new(io: TcpStream, wire: Arc<Wire>, open: watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self { io, wire, open }
    }
}

impl AsyncRead for WireIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.wire.state().check(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for WireIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.state().check(cx)?;
        let bytes_left = self.wire.state().bytes_left;
        let Some(left) = bytes_left else {
            return Pin::new(&mut self.io).poll_write(cx, buf);
        };
        let part = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        if part == 0 && !buf.is_empty() {
            self.wire.state().die();
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, &buf[..part]))?;
        self.wire.state().bytes_left = Some(left - written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.state().check(cx)?;
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        let mut state = self.wire.state();
        if state.when_flushed {
            state.die();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Drop for WireIo {
    fn drop(&mut self) {
        let abrupt = {
            let mut state = self.wire.state();
            // A body that waits for the death on another task need not wait any longer.
            state.die();
            state.abrupt
        };
        if abrupt {
            // Closing a socket that must not linger sends RST. Best effort: the peer may be gone.
            let _ = SockRef::from(&self.io).set_linger(Some(Duration::ZERO));
        }
        self.open.send_modify(|open| *open = open.saturating_sub(1));
    }
}
