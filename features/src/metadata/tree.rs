//! Folders and files, as EC2's clients walk them: a folder is its list of names, those of folders with a slash.

/// What a path leads to.
pub(super) enum Node {
    Folder(Vec<Entry>),
    File(String),
}

/// Something in a folder.
pub(super) struct Entry {
    name: String,
    /// How the folder shows it, if otherwise than by its name.
    shown: Option<String>,
    node: Node,
}

impl Entry {
    pub(super) fn file(name: &str, content: impl Into<String>) -> Entry {
        Entry { name: name.to_owned(), shown: None, node: Node::File(content.into()) }
    }

    pub(super) fn folder(name: &str, entries: Vec<Entry>) -> Entry {
        Entry { name: name.to_owned(), shown: None, node: Node::Folder(entries) }
    }

    /// The same, shown otherwise.
    pub(super) fn shown(self, shown: String) -> Entry {
        Entry { shown: Some(shown), ..self }
    }
}

/// What a path in a folder leads to, as text.
pub(super) fn find(entries: Vec<Entry>, path: &[&str]) -> Option<String> {
    let Some((first, rest)) = path.split_first() else { return Some(list(&entries)) };
    let entry = entries.into_iter().find(|entry| entry.name == *first)?;
    match entry.node {
        Node::Folder(entries) => find(entries, rest),
        Node::File(content) => rest.is_empty().then_some(content),
    }
}

fn list(entries: &[Entry]) -> String {
    let line = |entry: &Entry| match (&entry.shown, &entry.node) {
        (Some(shown), _) => shown.clone(),
        (None, Node::Folder(_)) => format!("{}/", entry.name),
        (None, Node::File(_)) => entry.name.clone(),
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_lists_and_files() {
        let tree = || {
            let key = Entry::folder("0", vec![Entry::file("openssh-key", "ssh-ed25519 A")]).shown("0=me".to_owned());
            vec![Entry::file("mac", "02:00:00:00:00:01"), Entry::folder("public-keys", vec![key])]
        };
        let at = |path: &[&str]| find(tree(), path);
        assert_eq!(at(&[]).as_deref(), Some("mac\npublic-keys/"));
        assert_eq!(at(&["public-keys"]).as_deref(), Some("0=me"));
        assert_eq!(at(&["public-keys", "0", "openssh-key"]).as_deref(), Some("ssh-ed25519 A"));
        assert_eq!(at(&["mac"]).as_deref(), Some("02:00:00:00:00:01"));
        assert_eq!(at(&["mac", "x"]), None);
        assert_eq!(at(&["public-keys", "1"]), None);
    }
}
