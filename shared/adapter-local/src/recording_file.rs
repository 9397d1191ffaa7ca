//! A recording as a file: lines of JSON, perhaps compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Bytes of one line: a year of samples at fifteen seconds fits.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Hands every line that is not blank to `take`, with its number from 1. Whether the file is
/// compressed is seen by its first bytes and not by its name. The error is a reason for people.
pub(crate) fn each_line(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = open(path).map_err(|error| error.to_string())?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        read_line(&mut *reader, &mut line).map_err(|reason| format!("line {number}: {reason}"))?;
        if line.is_empty() {
            break;
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            take(text).map_err(|reason| format!("line {number}: {reason}"))?;
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
        let decoder = MultiGzDecoder::new(file);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)));
    }
    Ok(Box::new(file))
}

fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<(), String> {
    match reader.take(LINE_BYTES_MAX + 1).read_until(b'\n', line) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err("the compressed file ends too early; it was not copied whole".to_owned())
        }
        Err(error) => Err(error.to_string()),
        Ok(bytes) if bytes as u64 > LINE_BYTES_MAX => {
            Err(format!("it has more than {LINE_BYTES_MAX} bytes"))
        }
        Ok(_) => Ok(()),
    }
}
