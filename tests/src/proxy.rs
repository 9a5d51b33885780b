//! A proxy before a server of HTTP: what stands behind it decides for each request whether and when the server has it,
//! and whether the client has the answer.

use std::io::{BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::moto::exchange;
use crate::wire::{self, Request};

/// A proxy that listens until it is dropped. Each request has a connection of its own.
pub struct Proxy {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

/// The way to the server.
#[derive(Clone)]
pub struct Onward {
    server: SocketAddr,
    request: Vec<u8>,
}

impl Onward {
    /// Gives the server the request; its answer as it came.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn send(&self) -> Result<Vec<u8>> {
        exchange(self.server, &self.request)
    }
}

impl Proxy {
    /// A proxy before a server. `pass` has each request, and gives the answer for the client; none ends the connection.
    #[must_use]
    pub fn before(
        server: SocketAddr,
        pass: impl Fn(&Request, Onward) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let closed = Arc::new(AtomicBool::new(false));
        let (seen, pass) = (closed.clone(), Arc::new(pass));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                let pass = pass.clone();
                // A client that goes away in the middle is part of the tests.
                thread::spawn(move || serve(stream, server, &*pass));
            }
        });
        Self { address, closed }
    }

    /// The same before a server that has every request at once; `see` has it first.
    #[must_use]
    pub fn that_sees(server: SocketAddr, see: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self::before(server, move |request, onward| {
            see(request);
            onward.send().ok()
        })
    }

    /// The URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // The listener wakes up and sees it.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut stream: TcpStream,
    server: SocketAddr,
    pass: &(impl Fn(&Request, Onward) -> Option<Vec<u8>> + Send + Sync),
) -> Result<()> {
    stream.set_nodelay(true)?;
    let Some(request) = wire::read(&mut BufReader::new(stream.try_clone()?), &mut stream)? else { return Ok(()) };
    let onward = Onward { server, request: text(&request) };
    match pass(&request, onward) {
        // The answer says that the connection ends with it.
        Some(answer) => stream.write_all(&answer),
        None => Ok(()),
    }
}

/// The request with another word on what becomes of the connection. No signature covers that.
fn text(request: &Request) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in request.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "connection" | "expect")) {
        head += &format!("{name}: {value}\r\n");
    }
    head += "connection: close\r\n\r\n";
    [head.as_bytes(), &request.body].concat()
}
