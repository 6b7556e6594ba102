//! Every resource as stored, and admission of requests.
