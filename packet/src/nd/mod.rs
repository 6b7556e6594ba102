//! Neighbour discovery's own structures: router adverts and options.

mod advert;
mod option;
mod read;

pub use advert::{Preference, RouterAdvert};
pub use option::NdOption;
pub use read::OPTIONS_MAX;
pub(crate) use read::options;
