//! Which operations a switch refuses though there is nothing wrong with them.

use super::tables::{BAD_OUT_GROUP, Code, TABLE_FULL, UNHEARD_OF};
use crate::scenario::Refusal;

/// Where an operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// When it comes.
    Add,
    /// When its bundle is committed.
    Commit,
}

/// What is refused next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals(Option<Next>);

#[derive(Clone, Copy, Debug)]
struct Next {
    skip: u16,
    count: u16,
    code: Code,
    stage: Stage,
    named: bool,
}

impl Refusals {
    /// After `skip` operations, `count` are refused.
    pub(super) fn set(&mut self, skip: u16, count: u16, error: Refusal, at_add: bool, named: bool) {
        let code = match error {
            Refusal::TableFull => TABLE_FULL,
            Refusal::BadGroup => BAD_OUT_GROUP,
            Refusal::Unknown => UNHEARD_OF,
        };
        let stage = if at_add { Stage::Add } else { Stage::Commit };
        self.0 = Some(Next { skip, count, code, stage, named });
    }

    /// Whether this operation is refused: with which error, and whether the switch says which operation it was.
    pub(super) fn next(&mut self, stage: Stage) -> Option<(Code, bool)> {
        let next = self.0.as_mut().filter(|next| next.stage == stage)?;
        if next.skip > 0 {
            next.skip -= 1;
            return None;
        }
        let refused = (next.code, next.named || stage == Stage::Add);
        next.count -= 1;
        if next.count == 0 {
            self.0 = None;
        }
        Some(refused)
    }
}
