//! How it is said in OpenFlow: the pipeline, declared once; the only way to make a row of it; the engine that keeps
//! every switch's rows in step with the facts; and the order in which changes are sent.

mod cookie;
pub mod docs;
mod emit;
mod engine;
pub mod eval;
mod filter;
mod item;
mod many;
mod mapping;
mod meter;
mod misses;
mod physical;
mod pipeline;
mod plan;
mod recent;
mod registers;
mod replicate;
mod router;

pub use cookie::{ACCUSED_COOKIE, COOKIE_MAGIC, cookie, counts_drops, is_ours};
pub use emit::{Emit, Fault, On, Row, SLOTS};
pub use engine::{Conflict, Delta, Engine, Feature, FeatureId, Op, Unit};
pub use item::{Drop, Flow, Group, Item, Keyed, Meter, PuntClass, PuntOp};
pub use meter::{Metered, PortMeter, SHARES};
pub use misses::Misses;
pub use pipeline::{Miss, PIPELINE, Table, TableSpec};
pub use plan::Plan;
pub use registers::{Asked, Claim, REGISTERS, Reg, RegSpec};
pub use replicate::{COPIES_MAX, Part};
