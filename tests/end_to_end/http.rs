//! A client for servers on this machine: HTTP/1.0, one request a connection.
//!
//! 1.0, because a server then neither chunks its answer nor keeps the connection: the body is what
//! comes until it closes. Every wait is bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How long one request may take unless said otherwise.
pub(crate) const USUAL_LIMIT: Duration = Duration::from_secs(60);
/// How long a read may block before `still_hopeful` is asked.
const READ_SLICE: Duration = Duration::from_millis(500);
/// Largest answer accepted: a month of the test fleet's samples, several times over.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Fails, showing the body, unless the status is 2xx.
    pub(crate) fn ok(self, what: &str) -> Result<Self> {
        ensure!((200..300).contains(&self.status), "{what}: {} {}", self.status, self.text());
        Ok(self)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

/// A request to a port of this machine. Path and query must be percent-encoded already.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    pub(crate) limit: Duration,
}

impl<'a> Request<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, headers: &[], body: &[], limit: USUAL_LIMIT }
    }

    pub(crate) fn post(path: &'a str, body: &'a [u8]) -> Self {
        Self { method: "POST", path, headers: &[], body, limit: USUAL_LIMIT }
    }

    pub(crate) fn send(&self, port: u16) -> Result<Answer> {
        self.send_while(port, || Ok(()))
    }

    /// Sends, and gives up as soon as `still_hopeful` says that no answer will come.
    pub(crate) fn send_while(
        &self,
        port: u16,
        still_hopeful: impl Fn() -> Result<()>,
    ) -> Result<Answer> {
        let what = || format!("{} {} on port {port}", self.method, self.path);
        let mut stream = connect(port).with_context(what)?;
        stream.write_all(self.head(port).as_bytes()).with_context(what)?;
        stream.write_all(self.body).with_context(what)?;
        let bytes = read_to_close(&mut stream, self.limit, still_hopeful).with_context(what)?;
        parse(&bytes).with_context(what)
    }

    fn head(&self, port: u16) -> String {
        let mut head = format!(
            "{} {} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        for (name, value) in self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }
}

/// A loopback port nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("asking for a free port")?;
    Ok(listener.local_addr().context("reading the free port")?.port())
}

fn connect(port: u16) -> Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, USUAL_LIMIT)?;
    stream.set_read_timeout(Some(READ_SLICE))?;
    stream.set_write_timeout(Some(USUAL_LIMIT))?;
    Ok(stream)
}

fn read_to_close(
    stream: &mut TcpStream,
    limit: Duration,
    still_hopeful: impl Fn() -> Result<()>,
) -> Result<Vec<u8>> {
    let deadline = Instant::now() + limit;
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                still_hopeful()?;
            }
            Err(error) => return Err(error.into()),
        }
        ensure!(bytes.len() <= ANSWER_BYTES_MAX, "the answer is over {ANSWER_BYTES_MAX} bytes");
        ensure!(Instant::now() < deadline, "no whole answer after {limit:?}");
    }
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        bail!("not an HTTP answer: {} bytes", bytes.len());
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("no status in {head:?}"))?;
    Ok(Answer { status, body: bytes[end + 4..].to_vec() })
}
