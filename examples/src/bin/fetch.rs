//! Async tasks: they fetch at the same time, and answer from the cache when the server is gone.
//!
//! ```text
//! cargo run -p daglite-examples --bin fetch
//! ```
//!
//! Look at `fetch`, and at `cache_exclude`: the server's address is no part of the question. Three
//! answers of half a second take half a second, and none with the server down or in a second run.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use daglite::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How many requests the server has had.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// The page at `path`.
#[task(cache, cache_exclude = [server])]
async fn fetch(server: SocketAddr, path: String) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(server).await?;
    connection.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (_, page) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(page.to_owned())
}

/// A server that says hello to each path, half a second late.
async fn serve(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let mut request = [0; 256];
            let length = connection.read(&mut request).await?;
            let request = String::from_utf8_lossy(&request[..length]);
            let path = request.split(' ').nth(1).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(500)).await;
            connection.write_all(format!("HTTP/1.0 200 OK\r\n\r\nhello {path}").as_bytes()).await
        });
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener));
    for state in ["up", "down"] {
        let started = Instant::now();
        let pages = join_all(["/ewr", "/jfk", "/lga"].map(|path| fetch(address, path))).await?;
        println!("server {state}, {REQUESTS:?} requests, {:.1?}: {pages:?}", started.elapsed());
        server.abort();
    }
    Ok(())
}
