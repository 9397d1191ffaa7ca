//! A receiver of alerts: takes every POST and remembers it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// Bytes of one request's body.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// One message as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// `Idempotency-Key`.
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// Serves until the process ends: a thread that waits for connections costs nothing.
#[derive(Debug)]
pub(crate) struct Receiver {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("binding a port")?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let inbox = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || drop(serve(stream, &inbox)));
            }
        });
        Ok(Self { port, received })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/alerts", self.port)
    }

    /// Everything so far, in order of arrival.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().map(|it| it.clone()).unwrap_or_default()
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, inbox: &Mutex<Vec<Received>>) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(received) = read(&mut reader)? {
        if let Ok(mut inbox) = inbox.lock() {
            inbox.push(received);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// The next request; `None` where the connection ends.
fn read(reader: &mut impl BufRead) -> Result<Option<Received>> {
    let (mut key, mut length, mut line) = (String::new(), 0, String::new());
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().context("a length")?,
            "idempotency-key" => key = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; usize::min(length, BODY_BYTES_MAX)];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { key, body: serde_json::from_slice(&body).context("a body")? }))
}
