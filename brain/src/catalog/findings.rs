//! What is wrong with one resource, before it is known where in the request that resource stands.

use std::fmt::Display;

use topology::ResourceId;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether `field` is of the resource's meta rather than its spec.
    pub(crate) meta: bool,
    /// The field: `interfaces[0].subnet`.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) message: String,
    /// Where to say so instead, if the request asks for this resource too: at a field of its spec. An empty field: it is said
    /// there already.
    pub(crate) rather: Option<(ResourceId, &'static str)>,
}

/// All that is wrong with one resource.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    /// Something is wrong with a field of the spec.
    pub(crate) fn spec(&mut self, field: impl Into<String>, message: impl Display) {
        self.push(false, field.into(), message.to_string(), None);
    }

    /// Something is wrong with a field of the meta.
    pub(crate) fn meta(&mut self, field: &str, message: impl Display) {
        self.push(true, field.to_owned(), message.to_string(), None);
    }

    /// Something is wrong with a field of the spec, better said at another resource if that one is in the request.
    pub(crate) fn rather(&mut self, at: (ResourceId, &'static str), field: impl Into<String>, message: impl Display) {
        self.push(false, field.into(), message.to_string(), Some(at));
    }

    fn push(&mut self, meta: bool, field: String, message: String, rather: Option<(ResourceId, &'static str)>) {
        self.0.push(Finding { meta, field, message, rather });
    }

    /// How many there are; compared before and after, whether a check found something.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Where in a request a resource stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a document, as `documents[1].subnets[2]`: its fields follow directly, as in a file.
    Document(String),
    /// It is the request's resource: its fields are `spec.cidr` and `meta.name`.
    Resource,
    /// Nowhere: the request concerns it without naming it.
    Nowhere,
}

impl Place {
    /// The path of a field.
    pub(crate) fn path(&self, meta: bool, field: &str) -> String {
        match self {
            Place::Document(prefix) if field.is_empty() => prefix.clone(),
            Place::Document(prefix) => format!("{prefix}.{field}"),
            Place::Resource if meta => format!("meta.{field}"),
            Place::Resource if field.is_empty() => "spec".to_owned(),
            Place::Resource => format!("spec.{field}"),
            Place::Nowhere => String::new(),
        }
    }
}
