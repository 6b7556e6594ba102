//! The Nicira and ONF experimenter messages.
