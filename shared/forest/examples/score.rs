//! Fits a forest to one CSV file and scores the rows of another, one score a line.
//!
//! `score --train a.csv --score b.csv [--trees 200] [--subsample 256] [--seed 42]`; files hold
//! numbers only, one row a line.

#![allow(clippy::print_stdout, reason = "printing is what this program does")]

use std::error::Error;

use forest::{Forest, ForestParams, Table};

type Anything<T> = Result<T, Box<dyn Error>>;

fn main() -> Anything<()> {
    let (mut train, mut score, mut params) = (None, None, ForestParams::default());
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--train" => train = Some(value),
            "--score" => score = Some(value),
            "--trees" => params.trees = value.parse()?,
            "--subsample" => params.subsample = value.parse()?,
            "--seed" => params.seed = value.parse()?,
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    let train = read_table(&train.ok_or("--train is missing")?)?;
    let rows = read_table(&score.ok_or("--score is missing")?)?;
    let forest = Forest::fit(&params.validate()?, &train)?;
    if rows.features() != forest.features() {
        return Err("both files need the same number of columns".into());
    }
    forest.score_rows(&rows).iter().for_each(|score| println!("{score}"));
    Ok(())
}

fn read_table(path: &str) -> Anything<Table> {
    let text = std::fs::read_to_string(path)?;
    let parse = |line: &str| -> Result<Vec<f64>, _> { line.split(',').map(str::parse).collect() };
    let rows = text.lines().map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok(Table::from_rows(&rows, rows.first().map_or(0, Vec::len))?)
}
