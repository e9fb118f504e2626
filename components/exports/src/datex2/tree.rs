//! A DATEX II document as a tree, from which both its encodings are written: XML, and JSON by the mapping of the schema tool
//! (an abstract type's name in a property of its own, `id` and `version` as `idG` and `versionG`, words as `{"value": …}`).

use serde_json::{Map, Value, json};

/// An element with elements in it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The type that stands in the place of an abstract one, with the prefix of its namespace.
    pub class: Option<(&'static str, &'static str)>,
    pub attributes: Vec<(&'static str, Value)>,
    pub fields: Vec<Field>,
}

/// An element within another one.
#[derive(Clone, Debug)]
pub struct Field {
    /// The prefix of its namespace.
    pub prefix: &'static str,
    pub name: &'static str,
    /// Whether the schema lets it be there more than once.
    pub is_list: bool,
    pub content: Content,
}

/// What is in an element.
#[derive(Clone, Debug)]
pub enum Content {
    Text(String),
    /// A word of an enumeration.
    Word(&'static str),
    Count(i64),
    Number(f64),
    /// An amount of money, written with its decimals.
    Amount(String),
    Flag(bool),
    /// A text in one language.
    Speech {
        language: String,
        text: String,
    },
    Node(Node),
}

impl Node {
    /// Of a concrete type in the place of an abstract one.
    pub fn of_class(prefix: &'static str, name: &'static str) -> Self {
        Self { class: Some((prefix, name)), ..Self::default() }
    }

    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// What names it.
    #[must_use]
    pub fn identified(self, id: impl Into<String>, version: i64) -> Self {
        self.attribute("id", id.into()).attribute("version", version.to_string())
    }

    #[must_use]
    pub fn with(mut self, prefix: &'static str, name: &'static str, content: Content) -> Self {
        self.fields.push(Field { prefix, name, is_list: false, content });
        self
    }

    /// One of several of this name, which stand together.
    #[must_use]
    pub fn with_item(mut self, prefix: &'static str, name: &'static str, content: Content) -> Self {
        self.fields.push(Field { prefix, name, is_list: true, content });
        self
    }

    #[must_use]
    pub fn with_if(self, prefix: &'static str, name: &'static str, content: Option<Content>) -> Self {
        match content {
            Some(content) => self.with(prefix, name, content),
            None => self,
        }
    }

    #[must_use]
    pub fn with_items(self, prefix: &'static str, name: &'static str, contents: impl IntoIterator<Item = Node>) -> Self {
        contents.into_iter().fold(self, |node, item| node.with_item(prefix, name, Content::Node(item)))
    }

    /// Its JSON.
    pub fn json(&self) -> Value {
        let mut own = Map::new();
        let mut outer = Map::new();
        for (name, value) in &self.attributes {
            match *name {
                // Of the abstract type, beside the name of the concrete one. A container's has no place in JSON.
                "modelBaseVersion" => drop(self.class.is_some().then(|| outer.insert("modelBaseVersionG".to_owned(), value.clone()))),
                "id" => drop(own.insert("idG".to_owned(), value.clone())),
                "version" => drop(own.insert("versionG".to_owned(), value.clone())),
                name => drop(own.insert(name.to_owned(), value.clone())),
            }
        }
        for field in &self.fields {
            let value = field.content.json();
            if field.is_list {
                let list = own.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(value);
                }
            } else {
                own.insert(field.name.to_owned(), value);
            }
        }
        match self.class {
            Some((prefix, name)) => {
                outer.insert(format!("{prefix}{name}"), Value::Object(own));
                Value::Object(outer)
            }
            None => Value::Object(own),
        }
    }
}

impl Content {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Word(word) => json!({ "value": word }),
            Self::Count(count) => json!(count),
            Self::Number(number) => json!(number),
            Self::Amount(amount) => json!(amount.parse::<f64>().unwrap_or_default()),
            Self::Flag(flag) => json!(flag),
            Self::Speech { language, text } => json!({ "values": [{ "lang": language, "value": text }] }),
            Self::Node(node) => node.json(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_the_type_that_stands_for_an_abstract_one() {
        let place = Node::of_class("prk", "Place")
            .identified("site:a", 7)
            .with("fac", "name", Content::Speech { language: "en".to_owned(), text: "A & B".to_owned() })
            .with("prk", "type", Content::Word("place"))
            .with_item("prk", "childId", Content::Node(Node::default().identified("zone:a:1", 3)));
        let root = Node::of_class("prk", "ParkingTablePublication").attribute("lang", "en").attribute("modelBaseVersion", "3");
        let root = root.with_items("prk", "hierarchyElementGeneral", [place]);
        let expected = json!({"modelBaseVersionG": "3", "prkParkingTablePublication": {"lang": "en", "hierarchyElementGeneral": [{"prkPlace": {
            "idG": "site:a", "versionG": "7", "name": {"values": [{"lang": "en", "value": "A & B"}]}, "type": {"value": "place"},
            "childId": [{"idG": "zone:a:1", "versionG": "3"}],
        }}]}});
        assert_eq!(root.json(), expected);
    }
}
