//! Figures as lines and as a page of Markdown.

use pipeline::backtest::accuracy::Accuracy;

use crate::run::{Result, Settings};

/// One backtest.
pub(crate) struct Line {
    pub(crate) pack: String,
    pub(crate) settings: Settings,
    pub(crate) result: Result,
}

const HEADER: &str = "| pack | opened by | history | recall | precision | F1 | false alarms / \
service-day | delay | F1 folded | recall folded | false alarms folded | root cause | VUS-PR |\n\
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

/// All backtests as one table, with the means of each opening with all of its history.
pub(crate) fn page(lines: &[Line]) -> String {
    let rows = lines.iter().map(|line| format!("{}\n", line.text()));
    let mut page: String = std::iter::once(HEADER.to_owned()).chain(rows).collect();
    for opening in crate::OPENINGS {
        let of: Vec<&Line> = lines
            .iter()
            .filter(|it| it.settings.opening == opening && it.settings.history_days.is_none())
            .collect();
        if of.len() > 1 {
            let mean = |value: &dyn Fn(&Result) -> f64| {
                of.iter().map(|line| value(&line.result)).sum::<f64>() / of.len() as f64
            };
            let f1 = mean(&|it| it.by_service.f1);
            let vus_pr = mean(&|it| it.vus_pr.unwrap_or(0.0));
            page += &format!("\nMean of {opening}: F1 {f1:.3}, VUS-PR {vus_pr:.3}.\n");
        }
    }
    page
}

impl Line {
    /// The row of the table.
    pub(crate) fn text(&self) -> String {
        let Result { folded, by_service, vus_pr, .. } = &self.result;
        let days = self.settings.history_days.map_or("all".to_owned(), |it| format!("{it} d"));
        let cells = [
            self.pack.clone(),
            self.settings.opening.to_owned(),
            days,
            recall(by_service),
            share(by_service.precision),
            format!("{:.3}", by_service.f1),
            format!("{:.3}", by_service.false_alarms_per_service_day),
            by_service
                .median_delay_s
                .map_or("–".to_owned(), |it| format!("{:.1} min", it / 60.0)),
            format!("{:.3}", folded.f1),
            recall(folded),
            format!("{:.3}", folded.false_alarms_per_service_day),
            share(folded.root_cause_top1),
            share(*vus_pr),
        ];
        format!("| {} |", cells.join(" | "))
    }
}

/// Without incidents that need not be told.
fn recall(accuracy: &Accuracy) -> String {
    share(accuracy.recall_without_harmless)
}

fn share(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |it| format!("{it:.3}"))
}
