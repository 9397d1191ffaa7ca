//! The estate as a recording: the JSON lines VictoriaMetrics exports and imports.
//!
//! Written by hand rather than through a JSON library: service names need no escaping, and
//! millions of numbers go out in one pass.

use std::fmt::Write as _;

use crate::estate::{Estate, Series};

impl Estate {
    /// One line a series, without line feed:
    /// `{"metric":{"__name__":M,"service_name":S},"values":[...],"timestamps":[epoch ms...]}`.
    /// NaN is `null`, infinity is `"Infinity"`.
    pub fn recording_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.series.iter().map(line)
    }
}

fn line(series: &Series) -> String {
    let mut text = String::with_capacity(series.values.len() * 24 + 128);
    let head = (series.metric, &series.service);
    let _infallible =
        write!(text, r#"{{"metric":{{"__name__":"{}","service_name":"{}"}}"#, head.0, head.1);
    text.push_str(r#","values":["#);
    for (index, value) in series.values.iter().enumerate() {
        separate(&mut text, index);
        push_value(&mut text, *value);
    }
    text.push_str(r#"],"timestamps":["#);
    for (index, timestamp_s) in series.timestamps_s.iter().enumerate() {
        separate(&mut text, index);
        let _infallible = write!(text, "{}", timestamp_s * 1_000);
    }
    text.push_str("]}");
    text
}

fn separate(text: &mut String, index: usize) {
    if index > 0 {
        text.push(',');
    }
}

fn push_value(text: &mut String, value: f64) {
    if value.is_nan() {
        text.push_str("null");
    } else if value == f64::INFINITY {
        text.push_str(r#""Infinity""#);
    } else if value == f64::NEG_INFINITY {
        text.push_str(r#""-Infinity""#);
    } else {
        let _infallible = write!(text, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Metric;

    #[test]
    fn a_line_is_what_the_export_writes() {
        let series = Series {
            service: "order".to_owned(),
            metric: Metric::ErrorRate,
            timestamps_s: vec![1_767_571_200, 1_767_571_260, 1_767_571_320, 1_767_571_380],
            values: vec![0.0125, f64::NAN, f64::INFINITY, -1.0],
        };
        let wrapped = line(&series).replace("},", "},\n").replace("],", "],\n");
        insta::assert_snapshot!(wrapped, @r#"
        {"metric":{"__name__":"error_rate","service_name":"order"},
        "values":[0.0125,null,"Infinity",-1],
        "timestamps":[1767571200000,1767571260000,1767571320000,1767571380000]}
        "#);
    }
}
