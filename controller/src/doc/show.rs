//! From the contract's messages to what is printed: snake_case keys, enums as words, integers as numbers.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value as Field};
use proto::v1;
use serde_json::{Map, Value, json};

use super::shape::{self, KindShape, plain_list, word};

/// A resource as `{"kind", "name", "tenant", "uid", "revision", "spec", "status"}`; `display_name`, `description` and
/// `labels` stand beside them where they are set.
///
/// A spec says what was written; a status says everything that it knows, zeros and empty texts included.
pub fn resource(kind: &KindShape, resource: &DynamicMessage) -> Value {
    let part = |name: &str, all| match resource.get_field_by_name(name).as_deref() {
        Some(Field::Message(message)) => fields(message, all),
        _ => Map::new(),
    };
    let meta = part("meta", true);
    let mut shown = Map::new();
    shown.insert("kind".to_owned(), json!(kind.singular));
    for field in ["name", "tenant", "uid", "revision"] {
        shown.insert(field.to_owned(), meta.get(field).cloned().unwrap_or_default());
    }
    for field in ["display_name", "description", "labels"] {
        if let Some(value) = meta.get(field).filter(|value| !is_empty(value)) {
            shown.insert(field.to_owned(), value.clone());
        }
    }
    shown.insert("spec".to_owned(), Value::Object(part("spec", false)));
    shown.insert("status".to_owned(), Value::Object(part("status", true)));
    Value::Object(shown)
}

/// Any other message, with everything that it knows.
pub fn message(message: &DynamicMessage) -> Value {
    Value::Object(fields(message, true))
}

/// The kind and the message in a `Resource`; `None` for one that holds nothing.
pub fn resource_of(resource: &v1::Resource) -> Option<(&'static KindShape, DynamicMessage)> {
    let mut all = DynamicMessage::new(shape::message("Resource"));
    all.transcode_from(resource).ok()?;
    let (field, value) = all.fields().next()?;
    Some((shape::kind(field.name())?, value.as_message()?.clone()))
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// A message's fields: those that are set, or with `all` also those whose zero means something.
fn fields(message: &DynamicMessage, all: bool) -> Map<String, Value> {
    let shown = |field: &FieldDescriptor| message.has_field(field) || (all && !field.supports_presence());
    let descriptor = message.descriptor();
    let fields = descriptor.fields().filter(shown).filter_map(|field| {
        let value = value(&message.get_field(&field), &field.kind(), all)?;
        Some((field.name().to_owned(), value))
    });
    fields.collect()
}

/// `None`: nothing to show (an enum's unspecified value).
fn value(value: &Field, kind: &Kind, all: bool) -> Option<Value> {
    Some(match value {
        Field::Bool(value) => json!(value),
        Field::I32(value) => json!(value),
        Field::I64(value) => json!(value),
        Field::U32(value) => json!(value),
        Field::U64(value) => json!(value),
        Field::F32(value) => json!(value),
        Field::F64(value) => json!(value),
        Field::String(value) => json!(value),
        Field::Bytes(value) => json!(value.to_vec()),
        Field::EnumNumber(number) => return enumeration(*number, kind),
        Field::Message(message) => match plain_list(&message.descriptor()) {
            Some(items) => self::value(&message.get_field(&items), &items.kind(), all)?,
            None => Value::Object(fields(message, all)),
        },
        Field::List(items) => items.iter().filter_map(|item| self::value(item, kind, all)).collect(),
        Field::Map(map) => {
            let Kind::Message(pair) = kind else { return None };
            let of = pair.map_entry_value_field().kind();
            let mut pairs: Vec<(String, Value)> =
                map.iter().filter_map(|(key, item)| Some((key_text(key), self::value(item, &of, all)?))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
    })
}

fn enumeration(number: i32, kind: &Kind) -> Option<Value> {
    let Kind::Enum(of) = kind else { return None };
    match of.get_value(number) {
        Some(value) => word(&value).map(Value::String),
        // A newer controller's value: its number is all that is known.
        None => Some(json!(number)),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
