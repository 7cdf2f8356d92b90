use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::play::play;
use crate::wire::{Wire, WireIo};
use crate::{Call, Provider};

/// A [`Provider`] that listens on loopback. Stops when it is dropped.
///
/// Runs on the runtime of the caller: with the clock of a current-thread runtime paused, client and
/// server share that clock. (Across threads paused timers fire early: a runtime that waits for
/// another one's socket has nothing to do and moves its clock on.)
pub struct Server {
    provider: Provider,
    address: SocketAddr,
    sockets: Arc<Sockets>,
    state: Mutex<State>,
}

/// The connections of a server over all its lives.
struct Sockets {
    accepted: AtomicU64,
    open: watch::Sender<usize>,
    wires: Mutex<Vec<Weak<Wire>>>,
}

enum State {
    Up(Up),
    /// The port, bound so that nobody else takes it, with nobody listening.
    Down(Option<TcpSocket>),
}

struct Up {
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Serve,
    Drain,
    Kill,
}

impl Server {
    pub(crate) async fn start(provider: Provider) -> io::Result<Self> {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        let sockets = Arc::new(Sockets {
            accepted: AtomicU64::new(0),
            open: watch::Sender::new(0),
            wires: Mutex::default(),
        });
        let server = Self {
            provider,
            address,
            sockets,
            state: Mutex::new(State::Down(Some(socket))),
        };
        server.restart().await?;
        Ok(server)
    }

    /// The base URL, `http://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The provider that answers here.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// What the provider received, over this server or otherwise.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.provider.calls()
    }

    /// How many connections have been accepted, over all restarts.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.sockets.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        *self.sockets.open.borrow()
    }

    /// Waits until exactly `sockets` connections are open: a server learns of a close later.
    pub async fn wait_for_open(&self, sockets: usize) {
        let mut open = self.sockets.open.subscribe();
        // The sender lives in `self`, so this does not fail.
        let _ = open.wait_for(|open| *open == sockets).await;
    }

    /// Resets every connection and stops listening: from now on connections are refused. Returns when
    /// that is so. The port stays reserved for [`Server::restart`].
    pub async fn kill(&self) {
        self.sockets.reset_all();
        self.down(Order::Kill).await;
    }

    /// Stops listening, tells the clients to go (`connection: close`, GOAWAY) and returns when the
    /// calls under way have been answered.
    pub async fn stop(&self) {
        self.down(Order::Drain).await;
    }

    /// Listens again, on the same port. Does nothing where it still listens.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound any more.
    #[expect(
        clippy::unused_async,
        reason = "must be called on a runtime, as `Provider::serve`"
    )]
    pub async fn restart(&self) -> io::Result<()> {
        let mut state = self.lock();
        let State::Down(socket) = &mut *state else {
            return Ok(());
        };
        let socket = match socket.take() {
            Some(socket) => socket,
            None => bind(self.address)?,
        };
        let listener = socket.listen(1024)?;
        let (orders, order) = watch::channel(Order::Serve);
        let sockets = Arc::clone(&self.sockets);
        let task = tokio::spawn(listen(listener, self.provider.clone(), sockets, order));
        *state = State::Up(Up { orders, task });
        Ok(())
    }

    async fn down(&self, order: Order) {
        let up = match std::mem::replace(&mut *self.lock(), State::Down(None)) {
            State::Up(up) => up,
            down @ State::Down(_) => {
                *self.lock() = down;
                return;
            }
        };
        let mut up = AbortOnDrop(up);
        up.0.orders.send_replace(order);
        let _ = (&mut up.0.task).await;
        // Reserve the port. Where that fails, restarting tries again and says so.
        if let State::Down(socket @ None) = &mut *self.lock() {
            *socket = bind(self.address).ok();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever stops waiting for a server to go down leaves none behind.
struct AbortOnDrop(Up);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.task.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let State::Up(up) = &*self.lock() {
            up.task.abort();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("accepted", &self.accepted())
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

impl Sockets {
    fn take_in(&self, io: TcpStream) -> (WireIo, Arc<Wire>) {
        let wire = Wire::new(self.accepted.fetch_add(1, Ordering::SeqCst) + 1);
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|wire| wire.strong_count() > 0);
        wires.push(Arc::downgrade(&wire));
        let io = WireIo::new(io, Arc::clone(&wire), self.open.clone());
        (io, wire)
    }

    fn reset_all(&self) {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        for wire in wires.iter().filter_map(Weak::upgrade) {
            wire.die(true);
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier life may linger in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn listen(
    listener: TcpListener,
    provider: Provider,
    sockets: Arc<Sockets>,
    mut order: watch::Receiver<Order>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = order.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((io, _)) => {
                    let _ = io.set_nodelay(true);
                    let (io, wire) = sockets.take_in(io);
                    connections.spawn(connection(io, wire, provider.clone(), order.clone()));
                }
                // Out of descriptors, mostly: let some be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    if *order.borrow() == Order::Drain {
        while connections.join_next().await.is_some() {}
    } else {
        // One accepted between the order and now is not reset yet.
        sockets.reset_all();
        connections.shutdown().await;
    }
}

async fn connection(
    io: WireIo,
    wire: Arc<Wire>,
    provider: Provider,
    mut order: watch::Receiver<Order>,
) {
    let service =
        service_fn(move |request| play(provider.clone(), request, Some(Arc::clone(&wire))));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    // How it ended is the client's affair; what was received is on the record.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = order.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
