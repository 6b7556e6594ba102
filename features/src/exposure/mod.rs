//! What is behind routers and to be reached from outside: the routes that lead in.

pub mod routes;
