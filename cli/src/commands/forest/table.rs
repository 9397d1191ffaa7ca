//! Reads a CSV file of numbers. The first thing that is no number stops it, and is named with its
//! line and column.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use csv::{ReaderBuilder, StringRecord, Terminator};
use forest::FEATURES_MAX;

use crate::terminal::{count, shorten};

/// Characters of an offending text that are shown.
const TEXT_CHARS_SHOWN_MAX: usize = 40;

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    records: csv::Reader<File>,
    columns: Vec<String>,
    record: StringRecord,
    /// The first line without anything in it: an error, unless only such lines follow.
    empty_line: Option<u64>,
}

impl Reader {
    /// Opens a file and reads the names of its columns; without a header they are numbered.
    pub(super) fn open(path: &Path, has_header: bool) -> Result<Reader> {
        let file = File::open(path).with_context(|| unreadable(path))?;
        let records = ReaderBuilder::new()
            .has_headers(has_header)
            .flexible(true)
            // Lines are counted at this character. A carriage return before it is trimmed.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(file);
        let mut reader = Reader {
            path: path.to_owned(),
            records,
            columns: Vec::new(),
            record: StringRecord::new(),
            empty_line: None,
        };
        // Without a header these are the first row, which stays to be read.
        let first = reader.records.headers().cloned().map_err(|error| reader.flaw(error))?;
        reader.columns = match has_header {
            true => names(&first),
            false => (1..=first.len()).map(|number| number.to_string()).collect(),
        };
        check_columns(&reader.columns, has_header).with_context(|| reader.line(1))?;
        Ok(reader)
    }

    /// The names of the columns, at least one.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Fails if the names of the columns are not those of the file `other`.
    pub(super) fn expect_columns(&self, expected: &[String], other: &Path) -> Result<()> {
        let (path, other) = (self.path.display(), other.display());
        let both = "both files need the same columns in the same order";
        let (found, wanted) = (self.columns.len(), expected.len());
        if found != wanted {
            bail!("{path} has {}, and {other} has {wanted}; {both}", count(found, "column"));
        }
        let differs = |at: &usize| self.columns[*at] != expected[*at];
        match (0..wanted).find(differs) {
            None => Ok(()),
            Some(at) => bail!(
                "column {} is {:?} in {path}, and {:?} in {other}; {both}",
                at + 1,
                self.columns[at],
                expected[at]
            ),
        }
    }

    /// Appends at most `rows` rows to `values`, and says how many; 0 at the end of the file.
    pub(super) fn read(&mut self, rows: usize, values: &mut Vec<f32>) -> Result<usize> {
        let mut taken = 0;
        while taken < rows && self.next()? {
            self.take_row(values)?;
            taken += 1;
        }
        Ok(taken)
    }

    /// Goes to the next row; false at the end.
    fn next(&mut self) -> Result<bool> {
        loop {
            let is_there = self.records.read_record(&mut self.record);
            if !is_there.map_err(|error| self.flaw(error))? {
                return Ok(false);
            }
            let line = self.record.position().map_or(0, csv::Position::line);
            let is_empty = self.record.len() == 1 && self.record[0].trim().is_empty();
            // Lines without a single character are passed over without a word.
            let passed_over = self.records.position().line().saturating_sub(line) > 1;
            if is_empty || passed_over {
                self.empty_line.get_or_insert(line);
            }
            match self.empty_line {
                Some(_) if is_empty => {}
                Some(line) => bail!("{}: there is nothing; remove the line", self.line(line)),
                None => return Ok(true),
            }
        }
    }

    fn take_row(&self, values: &mut Vec<f32>) -> Result<()> {
        let line = self.record.position().map_or(0, csv::Position::line);
        if self.record.len() != self.columns.len() {
            let (found, wanted) = (count(self.record.len(), "value"), self.columns.len());
            bail!("{}: {found} for {}", self.line(line), count(wanted, "column"));
        }
        for (at, text) in self.record.iter().enumerate() {
            let value = number(text).map_err(|problem| {
                let text = shorten(text.trim(), TEXT_CHARS_SHOWN_MAX);
                anyhow!("{}, {}: {text:?} {problem}", self.line(line), self.column(at))
            })?;
            values.push(value);
        }
        Ok(())
    }

    fn line(&self, line: u64) -> String {
        format!("{}, line {line}", self.path.display())
    }

    fn column(&self, at: usize) -> String {
        let (number, name) = (at + 1, &self.columns[at]);
        if *name == number.to_string() {
            format!("column {number}")
        } else {
            format!("column {number} ({name})")
        }
    }

    fn flaw(&self, error: csv::Error) -> anyhow::Error {
        let line = error.position().map_or(1, csv::Position::line);
        match error.into_kind() {
            csv::ErrorKind::Utf8 { .. } => anyhow!("{}: no text in UTF-8", self.line(line)),
            csv::ErrorKind::Io(error) => anyhow!(error).context(unreadable(&self.path)),
            other => anyhow!("{}: {other:?}", self.line(line)),
        }
    }
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

fn names(header: &StringRecord) -> Vec<String> {
    header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect()
}

fn check_columns(columns: &[String], has_header: bool) -> Result<()> {
    if columns.is_empty() {
        bail!("there is nothing; write the names of the columns");
    }
    if columns.len() > FEATURES_MAX {
        bail!("{} columns; a table has at most {FEATURES_MAX}", columns.len());
    }
    // A first line of numbers is most likely a row, unless it merely counts the columns.
    let counts_from = |first: usize| {
        columns.iter().enumerate().all(|(at, name)| *name == (at + first).to_string())
    };
    let is_row = columns.iter().all(|name| name.parse::<f64>().is_ok());
    if has_header && is_row && !counts_from(0) && !counts_from(1) {
        bail!("only numbers; write the names of the columns there, or give --no-header");
    }
    match (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at])) {
        Some(at) => bail!("two columns have the name {:?}; rename one", columns[at]),
        None => Ok(()),
    }
}

/// The nearest `f32` of a text: forests compare in single precision.
fn number(text: &str) -> Result<f32, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is no number; fill it in or remove the row");
    }
    let value: f64 = text.parse().map_err(|_| "is no number")?;
    let single = value as f32;
    match (value.is_finite(), single.is_finite()) {
        (true, true) => Ok(single),
        (true, false) => Err("is too large; values lie within ±3.4e38"),
        (false, _) => Err("is not finite; remove the row"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, has_header: bool) -> Result<(Vec<String>, Vec<f32>), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, text).unwrap();
        let read = || -> Result<(Vec<String>, Vec<f32>)> {
            let mut reader = Reader::open(&path, has_header)?;
            let mut values = Vec::new();
            while reader.read(2, &mut values)? > 0 {}
            Ok((reader.columns().to_vec(), values))
        };
        let folder = format!("{}/", folder.path().display());
        read().map_err(|error| format!("{error:#}").replace(&folder, ""))
    }

    #[test]
    fn line_ends_quotes_spaces_and_empty_ends_do_not_matter() {
        for text in [
            "a,b\n1,2\n3,4.5\n",
            "a,b\r\n1,2\r\n3,4.5\r\n",
            "\u{feff}\"a\",\"b\"\n\"1\", 2\n3,45e-1",
            "a,b\n1,2\n3,4.5\n\n\n",
            "a,b\r\n1,2\r\n3,4.5\r\n\r\n\r\n",
        ] {
            let (columns, values) = read(text, true).unwrap();
            assert_eq!((columns.join(" "), values), ("a b".into(), vec![1.0, 2.0, 3.0, 4.5]));
        }
        assert_eq!(read("1,2\n3,4.5\n", false).unwrap().1, [1.0, 2.0, 3.0, 4.5]);
        assert_eq!(read("0,1\n3,4.5\n", true).unwrap().1, [3.0, 4.5]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let errors = [
            "",
            "a,b\n1,2\n3,x\n",
            "a,b\r\n1,2\r\n3,x\r\n",
            "a,b\n1,2\n3,\n",
            "a,b\n1,2\n3\n",
            "a,b\r\n1,2\r\n3,4,5\r\n",
            "a,b\n1,2\n\n3,4\n",
            "a\r\n1\r\n\r\n3\r\n",
            "a\n1\nNaN\n",
            "a\n1\n-inf\n",
            "a\n1\n1e300\n",
            "a,a\n1,2\n",
            "1.5,2\n3,4\n",
            "a\n1\n\"2,3\"\n",
        ];
        let texts = errors.map(|text| read(text, true).unwrap_err());
        insta::assert_snapshot!(texts.join("\n"));
    }
}
