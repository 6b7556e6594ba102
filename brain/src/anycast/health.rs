//! Whether one instance is alive, by its answers: three misses put it out of service, two answers put it back.

use features::Millis;

/// Misses in a row after which an instance serves no more.
pub(super) const MISSES: u32 = 3;
/// The same of one that was there before this controller: that has just come, and may be short of time itself.
const MISSES_UNPROVEN: u32 = 10;
/// Answers in a row after which it serves again.
pub(super) const ANSWERS: u32 = 2;

/// How an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was there before this controller asked it: it serves until it is found not to.
    Unproven,
    /// It answers.
    Alive,
    /// It does not.
    Dead,
}

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) standing: Standing,
    /// Since when.
    pub(crate) since: Millis,
    /// Why it is dead, or was missed.
    pub(crate) words: String,
    missed: u32,
    answered: u32,
}

impl Health {
    /// One that serves until it is found not to.
    pub(super) fn unproven(now: Millis) -> Health {
        Health { standing: Standing::Unproven, since: now, words: String::new(), missed: 0, answered: 0 }
    }

    /// One that has to show that it is there.
    pub(super) fn new(now: Millis) -> Health {
        Health { standing: Standing::Dead, words: "has not answered yet".to_owned(), ..Health::unproven(now) }
    }

    /// Whether packets are sent to it.
    pub(crate) fn serves(&self) -> bool {
        self.standing != Standing::Dead
    }

    /// It has answered. Tells whether it serves now and did not before.
    pub(super) fn answer(&mut self, now: Millis) -> bool {
        (self.missed, self.answered) = (0, self.answered.saturating_add(1));
        match self.standing {
            Standing::Alive => return false,
            Standing::Dead if self.answered < ANSWERS => return false,
            Standing::Unproven | Standing::Dead => {}
        }
        let back = self.standing == Standing::Dead;
        (self.standing, self.since) = (Standing::Alive, now);
        self.words.clear();
        back
    }

    /// It has not, or has said no. Tells whether it served before and does not now.
    pub(super) fn miss(&mut self, now: Millis, why: &str) -> bool {
        (self.missed, self.answered) = (self.missed.saturating_add(1), 0);
        let enough = if self.standing == Standing::Unproven { MISSES_UNPROVEN } else { MISSES };
        if self.serves() && self.missed < enough {
            return false;
        }
        self.fail(now, why)
    }

    /// It can't serve. Tells whether it did before.
    pub(super) fn fail(&mut self, now: Millis, why: &str) -> bool {
        let served = self.serves();
        if served {
            (self.standing, self.since) = (Standing::Dead, now);
        }
        self.answered = 0;
        why.clone_into(&mut self.words);
        served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_misses_out_two_answers_in() {
        let mut health = Health::new(Millis(1));
        assert!(!health.serves() && !health.answer(Millis(2)) && !health.serves());
        assert!(!health.miss(Millis(3), "no answer"), "it did not serve");
        assert!(!health.answer(Millis(4)) && !health.serves(), "they have to be in a row");
        assert!(health.answer(Millis(5)) && health.serves());
        assert_eq!((health.since, &*health.words), (Millis(5), ""));
        for _ in 0..2 {
            assert!(!health.miss(Millis(6), "no answer") && health.serves());
        }
        assert!(!health.answer(Millis(7)));
        for _ in 0..2 {
            assert!(!health.miss(Millis(8), "no answer") && health.serves(), "they have to be in a row");
        }
        assert!(health.miss(Millis(9), "connection refused") && !health.serves());
        assert_eq!((health.standing, health.since, &*health.words), (Standing::Dead, Millis(9), "connection refused"));
        assert!(!health.miss(Millis(10), "no answer"));
        assert_eq!((health.since, &*health.words), (Millis(9), "no answer"), "since when it is out, and why by now");
    }

    #[test]
    fn one_that_was_there_before_serves_until_it_is_found_not_to() {
        let mut health = Health::unproven(Millis(1));
        assert!(health.serves() && !health.answer(Millis(2)));
        assert_eq!(health.standing, Standing::Alive, "one answer is enough, and no news");
        let mut health = Health::unproven(Millis(1));
        assert!((1..MISSES_UNPROVEN).all(|_| !health.miss(Millis(2), "x")) && health.miss(Millis(3), "x"));
        let mut health = Health::unproven(Millis(1));
        assert!(health.fail(Millis(2), "its port is down"), "what is seen needs no third time");
        assert!(!health.fail(Millis(3), "its port is down"));
    }
}
