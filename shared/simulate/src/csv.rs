//! The estate's tables as text, and labels back from text.
//!
//! Fields hold names, instants and numbers, never a comma or a quote, so the format has no
//! quoting; a quote in a file to be read is reported.

use chrono::{DateTime, SecondsFormat};

use crate::estate::{Difficulty, Estate, Label, Metric};

const LABEL_HEADER: &str =
    "incident_id,service,start,end,kind,root_cause_service,difficulty,metrics";
const REQUIRED: [&str; 6] =
    ["incident_id", "service", "start", "end", "kind", "root_cause_service"];
const METRIC_SEPARATOR: &str = "|";
/// Largest number of rows read.
const MAX_ROWS: usize = 1_000_000;

impl Estate {
    /// `incident_id,service,start,end,kind,root_cause_service,difficulty,metrics`; instants in
    /// RFC 3339 UTC, metrics joined by `|`.
    pub fn labels_csv(&self) -> String {
        table(LABEL_HEADER, self.labels.iter().map(label_row))
    }

    /// `caller,callee`.
    pub fn graph_csv(&self) -> String {
        table("caller,callee", self.graph.iter().map(|(a, b)| format!("{a},{b}")))
    }

    /// `service,start,end,kind,detail`.
    pub fn events_csv(&self) -> String {
        let row = |event: &crate::Event| {
            let (start, end) = (rfc3339(event.start_s), rfc3339(event.end_s));
            format!("{},{start},{end},{},{}", event.service, event.kind, event.detail)
        };
        table("service,start,end,kind,detail", self.events.iter().map(row))
    }

    /// `service,category,metrics,peak_rps,has_database`.
    pub fn services_csv(&self) -> String {
        let row = |service: &crate::ServiceProfile| {
            let (name, category) = (&service.name, service.category);
            let (peak, database) = (service.peak_rps, service.has_database);
            format!("{name},{category},{},{peak},{database}", joined(&service.metrics))
        };
        table("service,category,metrics,peak_rps,has_database", self.services.iter().map(row))
    }

    /// `part,service,start,end` with the parts `train` and `test` of all services (`*`).
    pub fn split_csv(&self) -> String {
        let row = |(part, start_s, end_s): (&str, i64, i64)| {
            format!("{part},*,{},{}", rfc3339(start_s), rfc3339(end_s))
        };
        let parts =
            [("train", self.start_s, self.test_start_s), ("test", self.test_start_s, self.end_s)];
        table("part,service,start,end", parts.into_iter().map(row))
    }
}

fn table(header: &str, rows: impl Iterator<Item = String>) -> String {
    let mut text = format!("{header}\n");
    for row in rows {
        text.push_str(&row);
        text.push('\n');
    }
    text
}

fn label_row(label: &Label) -> String {
    let (start, end) = (rfc3339(label.start_s), rfc3339(label.end_s));
    let (id, service, kind) = (&label.incident_id, &label.service, &label.kind);
    let difficulty = label.difficulty.map_or("", Difficulty::as_str);
    let (root, metrics) = (&label.root_cause_service, joined(&label.metrics));
    format!("{id},{service},{start},{end},{kind},{root},{difficulty},{metrics}")
}

fn joined(metrics: &[Metric]) -> String {
    let names: Vec<&str> = metrics.iter().map(|metric| metric.as_str()).collect();
    names.join(METRIC_SEPARATOR)
}

/// An instant in RFC 3339; one beyond the calendar of the library is written as its number.
fn rfc3339(instant_s: i64) -> String {
    DateTime::from_timestamp(instant_s, 0).map_or_else(
        || instant_s.to_string(),
        |instant| instant.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// Why a label file cannot be read. Lines count from 1, the header is line 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The header lacks a column.
    #[error("labels line 1: no column '{column}', expected the header {LABEL_HEADER}")]
    MissingColumn {
        /// The column.
        column: &'static str,
    },
    /// A row is longer or shorter than the header.
    #[error("labels line {line}: {found} fields, the header has {expected}")]
    FieldCount {
        /// Line of the file.
        line: usize,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A field cannot be understood.
    #[error("labels line {line}, column '{column}': '{value}' is not {expected}")]
    Field {
        /// Line of the file.
        line: usize,
        /// Column of the field.
        column: &'static str,
        /// The text found.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// The file is too long.
    #[error("labels line {line}: more than {MAX_ROWS} rows, split the file")]
    TooLong {
        /// First line too many.
        line: usize,
    },
}

/// Reads labels, written by [`Estate::labels_csv`] or by hand.
///
/// Columns are found by name and may come in any order; others are ignored. `difficulty` and
/// `metrics` may be absent or empty; `kind` is free text. Instants may have any UTC offset.
///
/// # Errors
///
/// [`LabelError`] names the line and the column.
pub fn parse_labels(text: &str) -> Result<Vec<Label>, LabelError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    let header: Vec<&str> = lines.next().map_or("", |(_, line)| line).split(',').collect();
    for column in REQUIRED {
        if !header.contains(&column) {
            return Err(LabelError::MissingColumn { column });
        }
    }
    let rows = lines.filter(|(_, line)| !line.is_empty());
    rows.enumerate()
        .map(|(index, (line, text))| {
            if index >= MAX_ROWS {
                return Err(LabelError::TooLong { line });
            }
            Row::split(line, &header, text)?.label()
        })
        .collect()
}

/// One line, with the header to find fields by.
struct Row<'a> {
    line: usize,
    header: &'a [&'a str],
    fields: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn split(line: usize, header: &'a [&'a str], text: &'a str) -> Result<Self, LabelError> {
        let fields: Vec<&str> = text.split(',').collect();
        let (found, expected) = (fields.len(), header.len());
        if found != expected {
            return Err(LabelError::FieldCount { line, found, expected });
        }
        Ok(Self { line, header, fields })
    }

    fn label(&self) -> Result<Label, LabelError> {
        let (start_s, end_s) = (self.instant_s("start")?, self.instant_s("end")?);
        if end_s <= start_s {
            return Err(self.wrong("end", "after the start"));
        }
        Ok(Label {
            incident_id: self.name("incident_id")?,
            service: self.name("service")?,
            start_s,
            end_s,
            kind: self.name("kind")?,
            root_cause_service: self.name("root_cause_service")?,
            difficulty: self.difficulty()?,
            metrics: self.metrics()?,
        })
    }

    fn field(&self, column: &str) -> &'a str {
        let place = self.header.iter().position(|each| *each == column);
        place.map_or("", |place| self.fields[place])
    }

    fn wrong(&self, column: &'static str, expected: &'static str) -> LabelError {
        let value = self.field(column).to_owned();
        LabelError::Field { line: self.line, column, value, expected }
    }

    fn name(&self, column: &'static str) -> Result<String, LabelError> {
        let field = self.field(column);
        if field.is_empty() || field.contains('"') {
            return Err(self.wrong(column, "a name without quotes"));
        }
        Ok(field.to_owned())
    }

    fn instant_s(&self, column: &'static str) -> Result<i64, LabelError> {
        DateTime::parse_from_rfc3339(self.field(column))
            .map(|instant| instant.timestamp())
            .map_err(|_| self.wrong(column, "an RFC 3339 instant such as 2026-01-05T09:30:00Z"))
    }

    fn difficulty(&self) -> Result<Option<Difficulty>, LabelError> {
        let field = self.field("difficulty");
        if field.is_empty() {
            return Ok(None);
        }
        Difficulty::from_name(field)
            .map(Some)
            .ok_or_else(|| self.wrong("difficulty", "easy, medium or hard"))
    }

    fn metrics(&self) -> Result<Vec<Metric>, LabelError> {
        let names = self.field("metrics").split(METRIC_SEPARATOR).filter(|name| !name.is_empty());
        names
            .map(|name| {
                Metric::from_name(name)
                    .ok_or_else(|| self.wrong("metrics", "a list of metrics joined by |"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = parse_labels(text).expect_err("the labels must be refused");
        assert_eq!(error.to_string(), expected);
    }

    const SHORT: &str = "incident_id,service,start,end,kind,root_cause_service\n";

    #[test]
    fn labels_written_by_hand_are_read() {
        let row = "a-1,order,2026-01-05T10:30:00+01:00,2026-01-05T10:00:00Z,disk full,order\r\n\n";
        let labels = parse_labels(&format!("{SHORT}{row}")).expect("the labels are fine");
        assert_eq!(labels.len(), 1);
        assert_eq!(labels[0].kind, "disk full");
        assert_eq!((labels[0].start_s, labels[0].end_s), (1_767_605_400, 1_767_607_200));
        assert_eq!((labels[0].difficulty, labels[0].metrics.len()), (None, 0));
    }

    #[test]
    fn problems_name_line_and_column() {
        let (from, to) = ("2026-01-05T09:30:00Z", "2026-01-05T10:00:00Z");
        check_error(
            "incident_id,service\n",
            "labels line 1: no column 'start', expected the header incident_id,service,start,\
             end,kind,root_cause_service,difficulty,metrics",
        );
        check_error(
            &format!("{SHORT}a,b,{from},{to},x\n"),
            "labels line 2: 5 fields, the header has 6",
        );
        check_error(
            &format!("{SHORT}a,b,{from},{to},x,b\na,b,yesterday,{to},x,b\n"),
            "labels line 3, column 'start': 'yesterday' is not an RFC 3339 instant such as \
             2026-01-05T09:30:00Z",
        );
        check_error(
            &format!("{SHORT}a,b,{to},{from},x,b\n"),
            "labels line 2, column 'end': '2026-01-05T09:30:00Z' is not after the start",
        );
        check_error(
            &format!("{LABEL_HEADER}\na,b,{from},{to},x,b,easy,cpu\n"),
            "labels line 2, column 'metrics': 'cpu' is not a list of metrics joined by |",
        );
        check_error(
            &format!("{SHORT}a,,{from},{to},x,b\n"),
            "labels line 2, column 'service': '' is not a name without quotes",
        );
    }
}
