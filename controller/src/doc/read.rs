//! From positioned trees to the contract's messages, telling every problem.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Field};

use super::shape::{META, message, nearest, part, plain_list, resource, word, words};
use super::tree::{Entry, Node, Pos, Problem, Step, Value, path};

/// Keys of a resource as it is shown, which a plain file may not have.
const SHOWN_ONLY: [&str; 5] = ["kind", "revision", "spec", "status", "meta"];

/// Reads one document: what could be read of it, with every problem.
pub(super) fn document(node: &Node) -> (DynamicMessage, Vec<Problem>) {
    let mut reader = Reader::default();
    let of = message("Document");
    let read = reader.message(node, &of);
    (read.unwrap_or_else(|| DynamicMessage::new(of)), reader.problems)
}

#[derive(Default)]
struct Reader {
    path: Vec<Step>,
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, pos: Pos, message: String) {
        self.problems.push(Problem { pos, path: path(&self.path), message });
    }

    fn at<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let value = read(self);
        self.path.pop();
        value
    }

    fn entries<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.problem(node.pos, format!("must be a mapping (`field: value`), and is {}", node.words()));
                None
            }
        }
    }

    /// Reads a message whose fields are the node's keys.
    fn message(&mut self, node: &Node, of: &MessageDescriptor) -> Option<DynamicMessage> {
        if let Some(items) = plain_list(of) {
            let mut message = DynamicMessage::new(of.clone());
            let list = self.list(node, &items)?;
            message.set_field(&items, list);
            return Some(message);
        }
        let mut message = DynamicMessage::new(of.clone());
        for entry in self.entries(node)? {
            self.at(Step::Key(entry.key.clone()), |reader| match of.get_field_by_name(&entry.key) {
                Some(field) => reader.set(&mut message, &field, entry),
                None => reader.unknown(entry, of.fields().map(|field| field.name().to_owned()).collect()),
            });
        }
        Some(message)
    }

    /// Reads a resource: `meta` and `spec` are written flat.
    fn resource(&mut self, node: &Node, of: &MessageDescriptor) -> Option<DynamicMessage> {
        let entries = self.entries(node)?;
        let (meta_field, meta_of) = part(of, "meta")?;
        let (spec_field, spec_of) = part(of, "spec")?;
        let (mut meta, mut spec) = (DynamicMessage::new(meta_of.clone()), DynamicMessage::new(spec_of.clone()));
        for entry in entries {
            self.at(Step::Key(entry.key.clone()), |reader| {
                let key = entry.key.as_str();
                let in_meta = META.contains(&key).then(|| meta_of.get_field_by_name(key)).flatten();
                match (in_meta, spec_of.get_field_by_name(key)) {
                    (Some(field), _) => reader.set(&mut meta, &field, entry),
                    (None, Some(field)) => reader.set(&mut spec, &field, entry),
                    (None, None) if SHOWN_ONLY.contains(&key) => reader.shown_only(entry),
                    (None, None) => {
                        let known = META.iter().map(|name| (*name).to_owned());
                        let known = known.chain(spec_of.fields().map(|field| field.name().to_owned())).collect();
                        reader.unknown(entry, known);
                    }
                }
            });
        }
        let mut resource = DynamicMessage::new(of.clone());
        resource.set_field(&meta_field, Field::Message(meta));
        resource.set_field(&spec_field, Field::Message(spec));
        Some(resource)
    }

    fn set(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor, entry: &Entry) {
        if let Some(value) = self.field(&entry.node, field) {
            message.set_field(field, value);
        }
    }

    fn unknown(&mut self, entry: &Entry, known: Vec<String>) {
        let message = match nearest(&entry.key, known.iter().map(String::as_str)) {
            Some(near) => format!("unknown field; did you mean `{near}`?"),
            None => format!("unknown field; known here: {}", known.join(", ")),
        };
        self.problem(entry.key_pos, message);
    }

    fn shown_only(&mut self, entry: &Entry) {
        let message = match entry.key.as_str() {
            "spec" | "meta" => "a resource's fields are written beside its name, not inside a mapping of their own",
            "kind" => "a resource's kind is the key of the list that it stands in",
            _ => "this is for the controller to say; it can't be written",
        };
        self.problem(entry.key_pos, message.to_owned());
    }

    fn field(&mut self, node: &Node, field: &FieldDescriptor) -> Option<Field> {
        if node.value == Value::Null {
            self.problem(node.pos, "has no value: give it one, or leave the field out".to_owned());
            return None;
        }
        if field.is_map() {
            return self.map(node, field);
        }
        if field.is_list() {
            return self.list(node, field);
        }
        self.value(node, field)
    }

    fn list(&mut self, node: &Node, field: &FieldDescriptor) -> Option<Field> {
        let Value::List(items) = &node.value else {
            self.problem(node.pos, format!("must be a list (`- ...` or `[...]`), and is {}", node.words()));
            return None;
        };
        let read = |(at, item): (usize, &Node)| {
            self.at(Step::Index(at), |reader| {
                if item.value == Value::Null {
                    reader.problem(item.pos, "has no value: give it one, or leave the item out".to_owned());
                    return None;
                }
                reader.value(item, field)
            })
        };
        // What can't be read leaves its place empty, so that those after it keep their indices.
        let or_empty = |value: Option<Field>| value.unwrap_or_else(|| Field::default_value(&field.kind()));
        Some(Field::List(items.iter().enumerate().map(read).map(or_empty).collect()))
    }

    fn map(&mut self, node: &Node, field: &FieldDescriptor) -> Option<Field> {
        let Kind::Message(pair) = field.kind() else { return None };
        let of = pair.map_entry_value_field();
        let mut map = HashMap::new();
        for entry in self.entries(node)? {
            let value = self.at(Step::Key(entry.key.clone()), |reader| reader.field(&entry.node, &of));
            if let Some(value) = value {
                map.insert(MapKey::String(entry.key.clone()), value);
            }
        }
        Some(Field::Map(map))
    }

    fn value(&mut self, node: &Node, field: &FieldDescriptor) -> Option<Field> {
        let read = match field.kind() {
            Kind::Message(of) => {
                let message = match resource(field) {
                    Some(of) => self.resource(node, &of),
                    None => self.message(node, &of),
                };
                return message.map(Field::Message);
            }
            Kind::Enum(of) => enumeration(node, &of),
            Kind::String => text(node),
            Kind::Bool => truth(node),
            Kind::Uint32 | Kind::Fixed32 => number(node, u32::MIN.into(), u32::MAX.into(), |n| Field::U32(n as u32)),
            Kind::Uint64 | Kind::Fixed64 => number(node, u64::MIN.into(), u64::MAX.into(), |n| Field::U64(n as u64)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                number(node, i32::MIN.into(), i32::MAX.into(), |n| Field::I32(n as i32))
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                number(node, i64::MIN.into(), i64::MAX.into(), |n| Field::I64(n as i64))
            }
            Kind::Float | Kind::Double | Kind::Bytes => Err("can't be written in a document".to_owned()),
        };
        read.map_err(|message| self.problem(node.pos, message)).ok()
    }
}

fn text(node: &Node) -> Result<Field, String> {
    match &node.value {
        Value::Text(text) => Ok(Field::String(text.clone())),
        Value::Number(word) => Err(format!("must be a text, and {word} is a number: write \"{word}\"")),
        Value::Bool(word) => Err(format!("must be a text, and {word} is a truth value: write \"{word}\"")),
        _ => Err(format!("must be a text, and is {}", node.words())),
    }
}

fn truth(node: &Node) -> Result<Field, String> {
    match &node.value {
        Value::Bool(value) => Ok(Field::Bool(*value)),
        _ => Err(format!("must be true or false, and is {}", node.words())),
    }
}

/// A whole number in a range. `0x10` and `0o17` are numbers too, as YAML has it.
fn number(node: &Node, least: i128, most: i128, field: impl Fn(i128) -> Field) -> Result<Field, String> {
    let Value::Number(word) = &node.value else {
        return Err(format!("must be a whole number, and is {}", node.words()));
    };
    let parsed = match (word.strip_prefix("0x"), word.strip_prefix("0o")) {
        (Some(digits), _) => i128::from_str_radix(digits, 16),
        (_, Some(digits)) => i128::from_str_radix(digits, 8),
        _ => word.parse(),
    };
    match parsed {
        Ok(value) if (least..=most).contains(&value) => Ok(field(value)),
        Err(_) if word.contains(['.', 'e', 'E']) => Err(format!("must be a whole number, and is {word}")),
        _ => Err(format!("must be {least} to {most}, and is {word}")),
    }
}

fn enumeration(node: &Node, of: &EnumDescriptor) -> Result<Field, String> {
    let known = words(of).join(", ");
    match &node.value {
        Value::Text(text) => match of.values().find(|value| word(value).as_deref() == Some(text)) {
            Some(value) => Ok(Field::EnumNumber(value.number())),
            None => Err(format!("must be one of {known}, and is {text:?}")),
        },
        _ => Err(format!("must be one of {known}, and is {}", node.words())),
    }
}
