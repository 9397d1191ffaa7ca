//! Where a model belongs among those of its service: a period of the week and, for days that are
//! unlike others, a variant.
//!
//! Written `night_hours`, or `night_hours@holiday` for a variant. That word is the key in the
//! catalog, a part of the path of the model, and what people type.

use serde::{Deserialize, Serialize};

use crate::period::Period;

/// Longest name of a variant.
const VARIANT_CHARS_MAX: usize = 40;
/// Between period and variant.
const SIGN: char = '@';

/// The name of a kind of days that have models of their own, like `holiday`.
///
/// One to 40 lower-case letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Variant(String);

/// A period of the usual models, or of those of a variant. Usual ones come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slot {
    /// `None` for the usual models.
    pub variant: Option<Variant>,
    pub period: Period,
}

/// Why a text names no slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    #[error(
        "{0:?} is no name of a variant; it has 1 to {VARIANT_CHARS_MAX} lower-case letters, digits, - and _"
    )]
    Variant(String),
    #[error("{0:?} is no period of the week")]
    Period(String),
}

impl Variant {
    /// Checks `text` and makes it a name.
    pub fn new(text: impl Into<String>) -> Result<Variant, SlotError> {
        let text = text.into();
        let is_plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        let fits = (1..=VARIANT_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        if fits { Ok(Variant(text)) } else { Err(SlotError::Variant(text)) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Slot {
    /// The slot of a variant, or of the usual models.
    pub fn of(variant: Option<Variant>, period: Period) -> Slot {
        Slot { variant, period }
    }

    /// Reads `night_hours` or `night_hours@holiday`.
    pub fn parse(text: &str) -> Result<Slot, SlotError> {
        let (period, variant) = match text.split_once(SIGN) {
            Some((period, variant)) => (period, Some(Variant::new(variant)?)),
            None => (text, None),
        };
        let period = Period::parse(period).ok_or_else(|| SlotError::Period(period.to_owned()))?;
        Ok(Slot { variant, period })
    }

    /// The slots that stand in for this one, the best first: of the same variant.
    pub fn fallbacks(&self) -> impl Iterator<Item = Slot> + '_ {
        let of = |period| Slot { variant: self.variant.clone(), period };
        self.period.fallbacks().into_iter().map(of)
    }
}

impl From<Period> for Slot {
    fn from(period: Period) -> Slot {
        Slot { variant: None, period }
    }
}

impl From<&Slot> for Slot {
    fn from(slot: &Slot) -> Slot {
        slot.clone()
    }
}

impl TryFrom<String> for Variant {
    type Error = SlotError;
    fn try_from(text: String) -> Result<Variant, SlotError> {
        Variant::new(text)
    }
}

impl From<Variant> for String {
    fn from(variant: Variant) -> String {
        variant.0
    }
}

impl TryFrom<String> for Slot {
    type Error = SlotError;
    fn try_from(text: String) -> Result<Slot, SlotError> {
        Slot::parse(&text)
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> String {
        slot.to_string()
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.variant {
            None => f.pad(self.period.as_str()),
            Some(variant) => f.pad(&format!("{}{SIGN}{variant}", self.period)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_one_word_both_ways() {
        for text in ["night_hours", "weekend_day@holiday", "business_hours@black-friday_2"] {
            assert_eq!(Slot::parse(text).unwrap().to_string(), text);
        }
        let longest = "x".repeat(VARIANT_CHARS_MAX);
        assert!(Slot::parse(&format!("night_hours@{longest}")).is_ok());
        let too_long = format!("night_hours@{longest}x");
        for wrong in ["", "night", "night_hours@", "night_hours@Holiday", "@holiday", &too_long] {
            assert!(Slot::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["a/b", "..", "a@b", "é"] {
            assert!(Variant::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn usual_models_come_first_and_a_variant_has_a_chain_of_its_own() {
        let holiday = Slot::parse("business_hours@holiday").unwrap();
        assert!(Slot::from(Period::WeekendNight) < holiday);
        let chain: Vec<String> = holiday.fallbacks().map(|it| it.to_string()).collect();
        assert_eq!(chain[0], "evening_hours@holiday");
        assert_eq!(chain.len(), Period::ALL.len() - 1);
        assert!(chain.iter().all(|it| it.ends_with("@holiday")));
    }
}
