//! Bytes in and out: one bounds-checked cursor, one writer that fills lengths in afterwards.
