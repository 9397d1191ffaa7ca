//! Rules of the workspace that the compiler does not know: who may depend on whom, and which words
//! may stand where. Both are tables; a change of design is a change of a table.

mod dependencies;
mod features;
mod sources;

use crate::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("rules::dependencies_follow_the_table", |_| dependencies::check()),
        Case::new("rules::the_dependency_check_can_fail", |_| dependencies::check_finds()),
        Case::new("rules::programs_and_tests_share_one_build", features::check_one_build),
        Case::new("rules::there_is_one_tls_stack", features::check_one_tls_stack),
        Case::new("rules::words_stand_where_they_may", |_| sources::check()),
        Case::new("rules::the_word_check_can_fail", |_| sources::check_finds()),
    ]
}
