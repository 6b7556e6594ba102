//! All that this crate has to do with YAML: text to positioned trees, and JSON values to text.
//!
//! The parser's events are read directly, because a document's types come from the contract and not from Rust structs: so
//! every node has a place, every problem of a text is told, and plain words keep their meaning of YAML 1.2's core schema
//! (`yes` is a text, `true` is not, `0000000000000001` is a number that is kept as it was written).

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::tree::{Entry, Node, Pos, Problem, Step, Value, path};

/// Bytes that anchors and aliases may copy, in all of a text: no short text becomes a huge document.
const COPIES_MAX: usize = 16 << 20;
/// Nodes within nodes, at most; resources have less than ten.
const NESTED_MAX: usize = 64;
/// The core schema's tags.
const CORE: &str = "tag:yaml.org,2002:";

/// Reads a text's documents; empty ones are left out. Every problem is told, but after a fault of syntax nothing more is read.
pub fn parse(text: &str) -> Result<Vec<Node>, Vec<Problem>> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        copies: 0,
        path: vec![],
        problems: vec![],
    };
    let mut documents = Vec::new();
    if let Err(problem) = reader.stream(&mut documents) {
        reader.problems.push(problem);
    }
    if reader.problems.is_empty() { Ok(documents) } else { Err(reader.problems) }
}

/// Writes a value as one YAML document.
pub fn emit(value: &serde_json::Value) -> Result<String, String> {
    serde_yaml::to_string(value).map_err(|error| error.to_string())
}

struct Reader<'t> {
    parser: Parser<'t, serde_yaml::granit_parser::StrInput<'t>>,
    /// Anchored nodes, with how many bytes each is and how deep.
    anchors: HashMap<usize, (Rc<Node>, usize, usize)>,
    copies: usize,
    path: Vec<Step>,
    problems: Vec<Problem>,
}

type Next<'t> = (Event<'t>, Span);

impl<'t> Reader<'t> {
    fn stream(&mut self, documents: &mut Vec<Node>) -> Result<(), Problem> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                next => {
                    let node = self.node(next)?;
                    if node.value != Value::Null {
                        documents.push(node);
                    }
                    self.anchors.clear();
                }
            }
        }
    }

    /// The next event; comments don't come, for the parser is built without them.
    fn next(&mut self) -> Result<Next<'t>, Problem> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): Next<'t>) -> Result<Node, Problem> {
        let pos = Pos { line: span.start.line(), column: span.start.col() + 1 };
        self.nest(pos, 0)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(pos, text, style, tag.as_deref()), anchor),
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(pos, tag.as_deref(), "seq");
                (Value::List(self.items()?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(pos, tag.as_deref(), "map");
                (Value::Map(self.entries()?), anchor)
            }
            Event::Alias(anchor) => return self.alias(pos, anchor),
            other => return Err(self.problem(pos, format!("{other:?} is out of place here"))),
        };
        let node = Node { pos, value };
        if anchor != 0 {
            let (size, depth) = (size(&node), depth(&node));
            self.copy(pos, size)?;
            self.anchors.insert(anchor, (Rc::new(node.clone()), size, depth));
        }
        Ok(node)
    }

    fn items(&mut self) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            let next = self.next()?;
            if let Event::SequenceEnd = next.0 {
                return Ok(items);
            }
            self.path.push(Step::Index(items.len()));
            items.push(self.node(next)?);
            self.path.pop();
        }
    }

    fn entries(&mut self) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Pos> = HashMap::new();
        loop {
            let next = self.next()?;
            if let Event::MappingEnd = next.0 {
                return Ok(entries);
            }
            let key_pos = Pos { line: next.1.start.line(), column: next.1.start.col() + 1 };
            let key = match next.0 {
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(self.problem(key_pos, "a key must be a plain word".to_owned())),
            };
            self.path.push(Step::Key(key.clone()));
            if key == "<<" {
                let problem = self.problem(key_pos, "merge keys are not known here: write the fields out".to_owned());
                self.problems.push(problem);
            }
            let first = seen.get(&key).copied();
            if let Some(first) = first {
                let message = format!("is given twice; the first time on line {}", first.line);
                let problem = self.problem(key_pos, message);
                self.problems.push(problem);
            }
            let value = self.next()?;
            let node = self.node(value)?;
            self.path.pop();
            if first.is_none() {
                seen.insert(key.clone(), key_pos);
                entries.push(Entry { key, key_pos, node });
            }
        }
    }

    fn alias(&mut self, pos: Pos, anchor: usize) -> Result<Node, Problem> {
        let Some((node, size, depth)) = self.anchors.get(&anchor).cloned() else {
            return Err(self.problem(pos, "an alias stands within what it names".to_owned()));
        };
        self.nest(pos, depth)?;
        self.copy(pos, size)?;
        Ok(Node { pos, value: node.value.clone() })
    }

    /// Makes sure that a node this deep may stand here.
    fn nest(&self, pos: Pos, depth: usize) -> Result<(), Problem> {
        match self.path.len() + depth {
            0..=NESTED_MAX => Ok(()),
            _ => Err(Problem { pos, path: String::new(), message: format!("is nested deeper than {NESTED_MAX}") }),
        }
    }

    /// Makes sure that so many bytes may still be copied.
    fn copy(&mut self, pos: Pos, bytes: usize) -> Result<(), Problem> {
        self.copies += bytes;
        match self.copies {
            0..=COPIES_MAX => Ok(()),
            _ => Err(self.problem(
                pos,
                format!("anchors and aliases copy more than {} MiB: write the resources out", COPIES_MAX >> 20),
            )),
        }
    }

    fn scalar(&mut self, pos: Pos, text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
        match tag {
            Some(tag) if tag.handle() == CORE && tag.suffix() == "str" => return Value::Text(text.into_owned()),
            tag => self.refuse_tag(pos, tag, "str"),
        }
        if style == ScalarStyle::Plain { plain(text) } else { Value::Text(text.into_owned()) }
    }

    fn refuse_tag(&mut self, pos: Pos, tag: Option<&Tag>, fine: &str) {
        if let Some(tag) = tag.filter(|tag| tag.handle() != CORE || tag.suffix() != fine) {
            let problem = self.problem(pos, format!("the tag {}{} is not known here", tag.handle(), tag.suffix()));
            self.problems.push(problem);
        }
    }

    fn problem(&self, pos: Pos, message: String) -> Problem {
        Problem { pos, path: path(&self.path), message }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let mark = error.marker();
        let pos = Pos { line: mark.line(), column: mark.col() + 1 };
        self.problem(pos, format!("this is not YAML: {} (column {})", error.info(), pos.column))
    }
}

/// A plain scalar's meaning in YAML 1.2's core schema.
fn plain(text: Cow<'_, str>) -> Value {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        word if is_number(word) => Value::Number(text.into_owned()),
        _ => Value::Text(text.into_owned()),
    }
}

/// The core schema's integers and floats: `[-+]?[0-9]+`, `0o7`, `0xf`, `1.5e3`, `.5`, `.inf`, `.nan`.
fn is_number(word: &str) -> bool {
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if let Some(octal) = word.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hexadecimal) = word.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(word, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let mantissa_is_one = match mantissa.split_once('.') {
        Some((whole, "")) => digits(whole, 10),
        Some((whole, part)) => (whole.is_empty() || digits(whole, 10)) && digits(part, 10),
        None => digits(mantissa, 10),
    };
    mantissa_is_one && exponent.is_none_or(|exponent| digits(exponent, 10))
}

/// Bytes that a node takes.
fn size(node: &Node) -> usize {
    let beyond = match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(entry_size).sum(),
        Value::Text(text) | Value::Number(text) => text.len(),
        Value::Null | Value::Bool(_) => 0,
    };
    size_of::<Node>() + beyond
}

/// Nodes within it, one in the other.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.node)).max().unwrap_or(0),
        _ => 0,
    }
}

fn entry_size(entry: &Entry) -> usize {
    size_of::<Entry>() - size_of::<Node>() + entry.key.len() + size(&entry.node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        parse(text).unwrap().remove(0)
    }

    fn problems(text: &str) -> Vec<String> {
        parse(text).unwrap_err().iter().map(|p| format!("{}: {}: {}", p.pos, p.path, p.message)).collect()
    }

    #[test]
    fn every_node_knows_its_place() {
        let node =
            one("tenant: acme\nsubnets:\n  - name: red6\n    cidr: 2001:db8::/64\n  - {name: b, pools: [1, x]}\n");
        let at = |path: &str| node.locate(&super::super::tree::steps(path)).to_string();
        assert_eq!(at("tenant"), "1:1");
        assert_eq!(at("subnets"), "2:1");
        assert_eq!(at("subnets[0]"), "3:5");
        assert_eq!(at("subnets[0].cidr"), "4:5");
        assert_eq!(at("subnets[0].spec.cidr"), "4:5");
        assert_eq!(at("subnets[0].gateway_ip"), "3:5", "the nearest ancestor");
        assert_eq!(at("subnets[1].pools.items[1]"), "5:26");
        assert_eq!(at("ports[0]"), "1:1");
    }

    #[test]
    fn plain_words_have_the_core_schemas_meaning() {
        for (text, value) in [
            ("a", Value::Text("a".to_owned())),
            ("yes", Value::Text("yes".to_owned())),
            ("on", Value::Text("on".to_owned())),
            ("'5'", Value::Text("5".to_owned())),
            ("!!str 5", Value::Text("5".to_owned())),
            ("true", Value::Bool(true)),
            ("0000000000000001", Value::Number("0000000000000001".to_owned())),
            ("-1.5e+3", Value::Number("-1.5e+3".to_owned())),
            ("0xff", Value::Number("0xff".to_owned())),
            ("02:00:00:00:01:01", Value::Text("02:00:00:00:01:01".to_owned())),
            ("1.2.3.4", Value::Text("1.2.3.4".to_owned())),
            ("1_000", Value::Text("1_000".to_owned())),
            ("::1", Value::Text("::1".to_owned())),
            (".", Value::Text(".".to_owned())),
        ] {
            assert_eq!(one(text).value, value, "{text}");
        }
    }

    #[test]
    fn several_documents_and_empty_ones() {
        assert_eq!(parse("---\na: 1\n---\n---\nb: 2\n...\n# nothing\n").unwrap().len(), 2);
        assert_eq!(parse("").unwrap().len(), 0);
        assert_eq!(parse("# only words\n").unwrap().len(), 0);
        assert_eq!(
            one("{\"kind\": \"port\", \"name\": \"a\\u0041\\/\"}").get("name").unwrap().node.words(),
            "the text \"aA/\""
        );
    }

    #[test]
    fn duplicate_keys_are_refused_each_with_its_place() {
        let told = problems("a:\n  - {x: 1, x: 2}\nb: 1\nb: 2\n");
        assert_eq!(
            told,
            [
                "2:12: a[0].x: is given twice; the first time on line 2",
                "4:1: b: is given twice; the first time on line 3"
            ]
        );
    }

    #[test]
    fn faults_of_syntax_say_where() {
        let told = problems("a: 1\nb: [1, 2\nc: 3\n");
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("this is not YAML"), "{told:?}");
        let told = problems("a: \"x\n");
        assert!(told[0].contains("this is not YAML"), "{told:?}");
        assert!(problems("a: &x [*x]")[0].contains("an alias stands within"));
        assert!(problems("? [a]\n: b\n")[0].contains("a key must be"));
        assert!(problems("a: !thing b\n")[0].contains("tag"));
        assert!(problems("b: {<<: {a: 1}}\n")[0].contains("merge keys"));
    }

    #[test]
    fn aliases_copy_but_not_without_end() {
        let node = one("a: &a {x: 1}\nb: *a\n");
        assert_eq!(node.get("a").unwrap().node.value, node.get("b").unwrap().node.value);
        let mut bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for i in 0..9 {
            let of = format!("*a{i}");
            bomb.push_str(&format!("a{}: &a{} [{}]\n", i + 1, i + 1, vec![of; 10].join(", ")));
        }
        assert!(problems(&bomb)[0].contains("anchors and aliases copy more than"));
        let long = format!("a: &x \"{}\"\nb: [{}]\n", "y".repeat(30_000), "*x,".repeat(10_000));
        assert!(problems(&long)[0].contains("anchors and aliases copy more than"));
        let anchors: String = (0..60).map(|n| format!("&a{n} [")).collect();
        let nested = format!("{anchors}{}{}", "1,".repeat(10_000), "]".repeat(60));
        assert!(problems(&nested)[0].contains("anchors and aliases copy more than"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
        assert!(problems(&deep)[0].contains("nested deeper than 64"));
        let pairs = format!("{}{}", "[a: ".repeat(40), "]".repeat(40));
        assert!(problems(&pairs)[0].contains("nested deeper than 64"));
        let link = |n: usize| format!("- &a{n} {}*a{}{}\n", "[".repeat(9), n - 1, "]".repeat(9));
        let chain: String = (1..9).map(link).collect();
        assert!(problems(&format!("- &a0 1\n{chain}"))[0].contains("nested deeper than 64"));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let strange = [
            "yes",
            "5",
            "0x1",
            "",
            "null",
            "true",
            "a: b",
            "# x",
            " x ",
            "two\nlines\n",
            "::1",
            "*a",
            "&b",
            "-",
            "0o7",
            ".5",
            "1e3",
            "\u{7f}é\t",
        ];
        let value = serde_json::json!([
            strange.iter().map(|s| serde_json::json!({"k": s, *s: 1})).collect::<Vec<_>>(),
            18_446_744_073_709_551_615_u64,
            true,
            []
        ]);
        let text = emit(&value).unwrap();
        let Value::List(items) = one(&text).value else { panic!("{text}") };
        let Value::List(pairs) = &items[0].value else { panic!("{text}") };
        for (word, node) in strange.iter().zip(pairs) {
            assert_eq!(node.get("k").unwrap().node.value, Value::Text((*word).to_owned()), "{text}");
            assert!(node.get(word).is_some(), "{word:?} in {text}");
        }
        assert_eq!(items[1].value, Value::Number("18446744073709551615".to_owned()));
    }
}
