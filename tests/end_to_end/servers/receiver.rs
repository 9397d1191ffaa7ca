//! A receiver of alerts: takes every POST and remembers it, or misbehaves as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// How a request is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    /// 500, and it is not taken.
    Fails,
    /// It is not taken, and there is no answer.
    Hangs,
    /// It is not taken, and the connection is closed.
    Drops,
    /// It is taken, and the connection is closed before the answer.
    TakesAndDrops,
}

/// How each request is treated, by its number.
type Moods = dyn Fn(usize) -> Mood + Send + Sync;

struct Inbox {
    received: Mutex<Vec<Received>>,
    requests: AtomicUsize,
    is_well: AtomicBool,
    moods: Box<Moods>,
}

/// Serves until the process ends: a thread that waits for connections costs nothing.
pub(crate) struct Receiver {
    port: u16,
    inbox: Arc<Inbox>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) fn start() -> Result<Self> {
        Self::start_moody(|_| Mood::Takes)
    }

    /// One that treats each request as it is told, until it is well.
    pub(crate) fn start_moody(
        moods: impl Fn(usize) -> Mood + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("binding a port")?;
        let port = listener.local_addr()?.port();
        let inbox = Arc::new(Inbox {
            received: Mutex::default(),
            requests: AtomicUsize::new(0),
            is_well: AtomicBool::new(false),
            moods: Box::new(moods),
        });
        let shared = Arc::clone(&inbox);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inbox = Arc::clone(&shared);
                thread::spawn(move || drop(serve(stream, &inbox)));
            }
        });
        Ok(Self { port, inbox })
    }

    /// From now on it takes everything.
    pub(crate) fn heal(&self) {
        self.inbox.is_well.store(true, Ordering::SeqCst);
    }

    /// Requests so far, taken or not.
    pub(crate) fn requests(&self) -> usize {
        self.inbox.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/alerts", self.port)
    }

    /// Everything so far, in order of arrival.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.inbox.received.lock().map(|it| it.clone()).unwrap_or_default()
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, inbox: &Inbox) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(received) = read(&mut reader)? {
        match inbox.mood() {
            Mood::Takes => {
                inbox.take(received);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            }
            Mood::Fails => {
                stream.write_all(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")?;
            }
            Mood::Hangs => {
                // Until the sender gives up, or is gone.
                drop(reader.read_line(&mut String::new()));
                return Ok(());
            }
            Mood::Drops => return Ok(()),
            Mood::TakesAndDrops => {
                inbox.take(received);
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Inbox {
    fn mood(&self) -> Mood {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        if self.is_well.load(Ordering::SeqCst) { Mood::Takes } else { (self.moods)(number) }
    }

    fn take(&self, received: Received) {
        if let Ok(mut all) = self.received.lock() {
            all.push(received);
        }
    }
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
