//! Incidents: which anomaly is the same as before, when it is an incident, and who is told.
//!
//! - [`id`], [`name`]: the two identities, fingerprint and incident, and canonical names
//! - [`state`]: the four states and the reasons for an end
//! - [`active`]: one incident; [`head`]: all that is kept of a service
//! - [`rules`]: the numbers; [`step`]: what a cycle brings; [`change`]: what a step did
//! - [`transition`]: the state machine; [`advance`]: one cycle of a service, from head to head
//! - [`operate`]: what people do to incidents; [`summary`]: a cycle in numbers
//! - [`walk`]: a sequence of cycles in a few letters, to look at the state machine
//! - [`fold`]: an incident whose trouble starts elsewhere is listed there; [`cascade`] does that for
//!   all services of a cycle, and [`analysis`] says how sure a cause is
//!
//! Everything is a pure function of its arguments: no clock, no JSON, no I/O. Instants are epoch
//! milliseconds of scheduled cycles, so a retried cycle gives the same bytes.

pub mod active;
pub mod advance;
pub mod analysis;
mod announce;
pub mod cascade;
pub mod change;
pub mod fold;
mod group;
pub mod head;
pub mod id;
pub mod name;
pub mod operate;
pub mod rules;
mod sight;
pub mod state;
pub mod step;
pub mod summary;
pub mod transition;
pub mod walk;

pub use active::{Affected, Host, Incident, RootCause};
pub use advance::advance;
pub use change::Resolution;
pub use change::{Advance, Announcement, AnnouncementKind, Change, Disposition, Event, Hold};
pub use head::{ClosedIncident, ServiceHead};
pub use id::{FingerprintId, IncidentId};
pub use rules::Rules;
pub use state::{EndReason, IncidentState};
pub use step::{Cycle, Detection, Evaluated, Evaluation, Step};
