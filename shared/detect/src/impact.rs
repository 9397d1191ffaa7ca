//! What an anomaly means for the business: by its nature and severity, the kind of service and the
//! time.

use domain::{Category, Period, Severity};

use crate::pattern::Nature;

/// What is known of an anomaly's impact but its severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// The nature of its pattern; `None` without one.
    pub nature: Option<Nature>,
    /// Only all metrics together are unusual.
    pub is_combination: bool,
    pub category: Category,
    pub period: Period,
}

impl Impact {
    /// One sentence. It depends on the severity, so it is told after all adjustments of it.
    pub fn told(&self, severity: Severity) -> String {
        let what = effect(severity, self);
        let service = service(&self.category);
        let when = moment(self.period);
        format!("{what}{service}, {when}.")
    }
}

fn effect(severity: Severity, it: &Impact) -> &'static str {
    use Severity::{Critical, High, Low, Medium};
    match (severity, it.nature) {
        (_, Some(Nature::Harmless)) => "Users don't notice yet; worth watching",
        (Critical | High, Some(Nature::FastFailure)) => {
            "Requests are rejected; users are locked out"
        }
        (_, Some(Nature::FastFailure)) => "Some requests are rejected",
        (Critical | High, Some(Nature::LostTraffic)) => "Users may not reach the service",
        (_, Some(Nature::LostTraffic)) => "Fewer users than usual reach the service",
        (Critical, Some(Nature::Degraded)) => "Users are affected now",
        (High, Some(Nature::Degraded)) => "Users have a degraded experience",
        (_, Some(Nature::Degraded)) => "A minor degradation that users may notice",
        (Critical, None) if it.is_combination => "Several metrics are abnormal together",
        (Critical, None) => "A metric is far out of its range; users are probably affected",
        (High, None) => "A significant deviation that users may notice",
        (Medium, None) if it.is_combination => {
            "An unusual relation of metrics; no user impact known"
        }
        (Medium, None) => "A moderate deviation; little or no user impact",
        (Low | Severity::None, None) => "A small deviation; watch it",
    }
}

fn service(category: &Category) -> &'static str {
    match category.as_str() {
        "critical" => " (service with an impact on revenue)",
        "core" => " (core service; others depend on it)",
        "admin" => " (internal tool; staff is affected)",
        "background" => " (background work; it can catch up)",
        _ => "",
    }
}

fn moment(period: Period) -> &'static str {
    match period {
        Period::BusinessHours => "in business hours",
        Period::EveningHours => "in the evening or early morning",
        Period::NightHours => "at night",
        Period::WeekendDay => "on a weekend day",
        Period::WeekendNight => "in a weekend night",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(severity: Severity, nature: Option<Nature>, category: &str, period: Period) -> String {
        let category = Category::new(category);
        Impact { nature, is_combination: false, category, period }.told(severity)
    }

    #[test]
    fn impact_depends_on_what_where_and_when() {
        insta::assert_snapshot!(
            [
                tell(Severity::Critical, Some(Nature::Degraded), "critical", Period::BusinessHours),
                tell(Severity::High, Some(Nature::FastFailure), "standard", Period::WeekendNight),
                tell(Severity::Critical, Some(Nature::LostTraffic), "core", Period::NightHours),
                tell(Severity::Low, Some(Nature::Harmless), "micro", Period::WeekendDay),
                tell(Severity::Medium, None, "admin", Period::EveningHours),
            ]
            .join("\n"),
            @r"
        Users are affected now (service with an impact on revenue), in business hours.
        Requests are rejected; users are locked out, in a weekend night.
        Users may not reach the service (core service; others depend on it), at night.
        Users don't notice yet; worth watching, on a weekend day.
        A moderate deviation; little or no user impact (internal tool; staff is affected), in the evening or early morning.
        "
        );
    }
}
