//! `yaga forest`: the bare isolation forest on any numeric table.
//!
//! One line per row goes to standard output and nothing else, so that the answer can be pasted
//! beside the table. Only the training table is kept in memory; the other one is scored in blocks.

mod table;

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use forest::{Forest, ForestParams, SUBSAMPLE_MAX, SUBSAMPLE_MIN, TREES_MAX, Table};
use serde::Serialize;

use crate::exit::{Done, Failure, Outcome};
use crate::shell::Shell;
use table::Reader;

/// Rows that are scored at once.
const BLOCK_ROWS: usize = 65_536;
/// Anomaly scores above this are flagged where the share of anomalies is not given: the score of a
/// row whose path is as long as that of an average row (Liu, Ting and Zhou 2008, section 2).
const SCORE_OF_AVERAGE_ROW: f64 = 0.5;
/// Largest share of anomalies: beyond it they would be the majority.
const CONTAMINATION_MAX: f64 = 0.5;

/// The tables and the forest.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// CSV file to learn from: numbers only, below one line with the names of the columns.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// CSV file whose rows are scored; it has the same columns.
    #[arg(long, value_name = "FILE")]
    score: PathBuf,
    /// The files begin with data, not with the names of the columns.
    #[arg(long)]
    no_header: bool,
    /// Number of trees.
    #[arg(long, value_name = "COUNT", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(TREES_MAX)))]
    trees: u32,
    /// Rows that each tree sees.
    #[arg(long, value_name = "ROWS", default_value_t = 256, value_parser =
        clap::value_parser!(u32).range(i64::from(SUBSAMPLE_MIN)..=i64::from(SUBSAMPLE_MAX)))]
    subsample: u32,
    /// Seed of the random numbers; the same seed gives the same scores.
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    seed: u64,
    /// Share of anomalies in the training table, up to 0.5, or `auto` (scores above 0.5 are
    /// flagged). Adds a second column: 1 for flagged rows, else 0.
    #[arg(long, value_name = "auto|SHARE", value_parser = parse_contamination)]
    contamination: Option<Contamination>,
    /// Add the column of flags; the same as --contamination auto.
    #[arg(long)]
    flags: bool,
}

const HELP: &str = "\
One line per row of the scored table, in its order: the anomaly score, from 0 to 1, higher is more
anomalous. With --contamination or --flags: the score, a comma, and 1 or 0.";

/// How many rows to flag.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Contamination {
    Auto,
    Share(f64),
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Answer {
    columns: Vec<String>,
    rows_training: usize,
    rows: usize,
    trees: u32,
    /// Rows that each tree saw.
    subsample: u32,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flagged_above: Option<f64>,
    scores: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flagged: Option<Vec<bool>>,
}

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let params = ForestParams {
        trees: arguments.trees,
        subsample: arguments.subsample,
        seed: arguments.seed,
    };
    let params = params.validate().map_err(|error| Failure::Usage(error.into()))?;
    let (columns, train) = read_training(arguments)?;
    let rows = open(&arguments.score, arguments, Some(&columns))?;
    let forest = Forest::fit(&params, &train).map_err(|error| flaw_of(arguments, error))?;
    let limit = contamination(arguments).map(|it| limit(&forest, &train, it));
    if shell.json {
        let answer = answer(&forest, columns, train.rows(), arguments, limit, rows)?;
        shell.say_json(&answer)?;
    } else {
        write_scores(&forest, limit, rows)?;
    }
    Ok(Done::Whole)
}

fn read_training(arguments: &Arguments) -> Result<(Vec<String>, Table), Failure> {
    let mut reader = open(&arguments.train, arguments, None)?;
    let columns = reader.columns().to_vec();
    let mut values = Vec::new();
    while reader.read(BLOCK_ROWS, &mut values).map_err(Failure::Usage)? > 0 {}
    let table = Table::from_values(values, columns.len());
    Ok((columns, table.map_err(|error| flaw_of(arguments, error))?))
}

/// What is wrong with the training table as a whole.
fn flaw_of(arguments: &Arguments, error: impl std::fmt::Display) -> Failure {
    Failure::Usage(anyhow!("{}: {error}", arguments.train.display()))
}

fn open(path: &Path, arguments: &Arguments, like: Option<&[String]>) -> Result<Reader, Failure> {
    let reader = Reader::open(path, !arguments.no_header).map_err(Failure::Usage)?;
    if let Some(columns) = like {
        reader.expect_columns(columns, &arguments.train).map_err(Failure::Usage)?;
    }
    Ok(reader)
}

fn contamination(arguments: &Arguments) -> Option<Contamination> {
    arguments.contamination.or_else(|| arguments.flags.then_some(Contamination::Auto))
}

/// The anomaly score above which a row is flagged: a share of the training rows has more.
fn limit(forest: &Forest, train: &Table, contamination: Contamination) -> f64 {
    match contamination {
        Contamination::Auto => SCORE_OF_AVERAGE_ROW,
        Contamination::Share(share) => {
            let mut scores = forest.score_rows(train);
            stats::quantile_in_place(&mut scores, 1.0 - share).unwrap_or(SCORE_OF_AVERAGE_ROW)
        }
    }
}

fn answer(
    forest: &Forest,
    columns: Vec<String>,
    rows_training: usize,
    arguments: &Arguments,
    limit: Option<f64>,
    rows: Reader,
) -> Result<Answer, Failure> {
    let mut scores = Vec::new();
    each_block(forest, rows, |block| {
        scores.extend_from_slice(block);
        Ok(())
    })?;
    Ok(Answer {
        columns,
        rows_training,
        rows: scores.len(),
        trees: forest.trees(),
        subsample: forest.subsample(),
        seed: arguments.seed,
        flagged_above: limit,
        flagged: limit.map(|limit| scores.iter().map(|score| *score > limit).collect()),
        scores,
    })
}

fn write_scores(forest: &Forest, limit: Option<f64>, rows: Reader) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let write = |out: &mut dyn Write, score: f64| match limit {
        // The shortest text that reads back as the same number.
        None => writeln!(out, "{score}"),
        Some(limit) => writeln!(out, "{score},{}", u8::from(score > limit)),
    };
    each_block(forest, rows, |scores| scores.iter().try_for_each(|score| write(&mut out, *score)))?;
    written(out.flush())
}

/// Scores a table block by block.
fn each_block(
    forest: &Forest,
    mut rows: Reader,
    mut take: impl FnMut(&[f64]) -> std::io::Result<()>,
) -> Result<(), Failure> {
    loop {
        let mut values = Vec::new();
        if rows.read(BLOCK_ROWS, &mut values).map_err(Failure::Usage)? == 0 {
            return Ok(());
        }
        let table = Table::from_values(values, forest.features());
        let table = table.map_err(|error| Failure::Other(error.into()))?;
        written(take(&forest.score_rows(&table)))?;
    }
}

/// Whoever closes the pipe has read enough.
fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other.context("the scores cannot be written")?),
    }
}

fn parse_contamination(text: &str) -> Result<Contamination, String> {
    let wanted = || format!("write `auto` or a share above 0, at most {CONTAMINATION_MAX}");
    match text.parse::<f64>() {
        _ if text == "auto" => Ok(Contamination::Auto),
        Ok(share) if share > 0.0 && share <= CONTAMINATION_MAX => Ok(Contamination::Share(share)),
        _ => Err(wanted()),
    }
}
