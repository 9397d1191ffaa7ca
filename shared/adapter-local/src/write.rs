//! Makes a recording.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use domain::{Series, ServiceName};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::ser::{Serialize, Serializer};

/// One series of a recording to be.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSeries {
    pub metric: String,
    pub service: ServiceName,
    pub series: Series,
}

/// Why a recording was not made.
#[derive(Debug, thiserror::Error)]
#[error("the recording {path} cannot be written: {source}; check the folder and its free space")]
pub struct WriteError {
    path: String,
    source: io::Error,
}

/// Writes a recording, compressed if the name of the file ends in `.gz`. The file appears whole or
/// not at all, and the same series give the same bytes.
pub fn write_recording(
    path: &Path,
    series: impl IntoIterator<Item = RecordedSeries>,
) -> Result<(), WriteError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let draft = Path::new(&name);
    let written = write_file(draft, path, series);
    if written.is_err() {
        let _ = fs::remove_file(draft);
    }
    written.map_err(|source| WriteError { path: path.display().to_string(), source })
}

fn write_file(
    draft: &Path,
    path: &Path,
    series: impl IntoIterator<Item = RecordedSeries>,
) -> io::Result<()> {
    let file = BufWriter::new(File::create(draft)?);
    let file = if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzEncoder::new(file, Compression::fast());
        write_lines(&mut encoder, series)?;
        encoder.finish()?
    } else {
        let mut plain = file;
        write_lines(&mut plain, series)?;
        plain
    };
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(draft, path)
}

fn write_lines(
    writer: &mut impl Write,
    series: impl IntoIterator<Item = RecordedSeries>,
) -> io::Result<()> {
    for one in series {
        let line = LineOut {
            metric: LabelsOut { __name__: &one.metric, service_name: one.service.as_str() },
            values: one.series.values.iter().copied().map(ValueOut).collect(),
            timestamps: one.series.times_s.iter().map(|time| time * 1_000).collect(),
        };
        serde_json::to_writer(&mut *writer, &line)?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}

#[derive(serde::Serialize)]
struct LineOut<'a> {
    metric: LabelsOut<'a>,
    values: Vec<ValueOut>,
    timestamps: Vec<i64>,
}

#[derive(serde::Serialize)]
struct LabelsOut<'a> {
    __name__: &'a str,
    service_name: &'a str,
}

/// A value as VictoriaMetrics exports it: what is no finite number has no JSON number.
struct ValueOut(f64);

impl Serialize for ValueOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            value if value.is_nan() => serializer.serialize_none(),
            value => serializer.serialize_f64(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> RecordedSeries {
        let samples = vec![(60, 0.1), (120, f64::NAN), (180, f64::INFINITY), (240, -f64::INFINITY)];
        RecordedSeries {
            metric: "load".to_owned(),
            service: ServiceName::new(name).unwrap(),
            series: Series::from_samples(samples),
        }
    }

    #[test]
    fn lines_look_as_victoria_metrics_exports_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        write_recording(&path, [one("a"), one("\"b\\")]).unwrap();
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        {"metric":{"__name__":"load","service_name":"a"},"values":[0.1,null,"Infinity","-Infinity"],"timestamps":[60000,120000,180000,240000]}
        {"metric":{"__name__":"load","service_name":"\"b\\"},"values":[0.1,null,"Infinity","-Infinity"],"timestamps":[60000,120000,180000,240000]}
        "#);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");
    }

    #[test]
    fn the_same_series_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            write_recording(&path, [one("a")]).unwrap();
            fs::read(&path).unwrap()
        };
        let first = write("r.jsonl.gz");
        assert_eq!(first[..2], [0x1f, 0x8b]);
        assert_eq!(first, write("again.jsonl.gz"));
        assert_ne!(first, write("plain.jsonl"));
    }

    #[test]
    fn a_place_that_does_not_exist_is_told() {
        let path = Path::new("no/such/folder/r.jsonl");
        insta::assert_snapshot!(
            write_recording(path, [one("a")]).unwrap_err().to_string(),
            @"the recording no/such/folder/r.jsonl cannot be written: No such file or directory (os error 2); check the folder and its free space"
        );
    }
}
