//! The XML encoding.

use std::borrow::Cow;
use std::io;

use kit::{Answer, Problem};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde_json::Value;

use super::tree::{Content, Field, Node};

/// The namespaces, by the prefixes that DATEX II itself uses.
const NAMESPACES: [(&str, &str); 8] = [
    ("xmlns:com", "http://datex2.eu/schema/3/common"),
    ("xmlns:con", "http://datex2.eu/schema/3/messageContainer"),
    ("xmlns:d2", "http://datex2.eu/schema/3/d2Payload"),
    ("xmlns:ex", "http://datex2.eu/schema/3/exchangeInformation"),
    ("xmlns:fac", "http://datex2.eu/schema/3/facilities"),
    ("xmlns:loc", "http://datex2.eu/schema/3/locationReferencing"),
    ("xmlns:prk", "http://datex2.eu/schema/3/parking"),
    ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
];

/// Writes the document whose root is the one element in this node.
pub fn write(document: &Node) -> Answer<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    let written = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    written.and_then(|()| document.fields.iter().try_for_each(|root| element(&mut writer, root, true))).map_err(Problem::internal)?;
    Ok(writer.into_inner())
}

fn element(writer: &mut Writer<Vec<u8>>, field: &Field, is_root: bool) -> io::Result<()> {
    let name = format!("{}:{}", field.prefix, field.name);
    let mut start = BytesStart::new(name.as_str());
    if is_root {
        start.extend_attributes(NAMESPACES);
    }
    if let Content::Node(node) = &field.content {
        if let Some((prefix, class)) = node.class {
            start.push_attribute(("xsi:type", format!("{prefix}:{class}").as_str()));
        }
        for (name, value) in &node.attributes {
            let text = match value {
                Value::String(text) => printable(text),
                other => other.to_string().into(),
            };
            start.push_attribute((*name, text.as_ref()));
        }
    }
    writer.write_event(Event::Start(start))?;
    content(writer, &field.content)?;
    writer.write_event(Event::End(BytesEnd::new(name)))
}

fn content(writer: &mut Writer<Vec<u8>>, content: &Content) -> io::Result<()> {
    let mut text = |text: &str| writer.write_event(Event::Text(BytesText::new(&printable(text))));
    match content {
        Content::Text(it) | Content::Amount(it) => text(it),
        Content::Word(word) => text(word),
        Content::Count(count) => text(&count.to_string()),
        Content::Number(number) => text(&number.to_string()),
        Content::Flag(flag) => text(if *flag { "true" } else { "false" }),
        Content::Speech { language, text } => {
            writer.write_event(Event::Start(BytesStart::new("com:values")))?;
            writer.write_event(Event::Start(BytesStart::new("com:value").with_attributes([("lang", language.as_str())])))?;
            writer.write_event(Event::Text(BytesText::new(&printable(text))))?;
            writer.write_event(Event::End(BytesEnd::new("com:value")))?;
            writer.write_event(Event::End(BytesEnd::new("com:values")))
        }
        Content::Node(node) => node.fields.iter().try_for_each(|field| element(writer, field, false)),
    }
}

/// A text without the characters that XML has no way to write (XML 1.0 §2.2).
fn printable(text: &str) -> Cow<'_, str> {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(is_char) {
        return text.into();
    }
    text.chars().map(|c| if is_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_cannot_leave_its_element() {
        let name = Content::Speech { language: "en".to_owned(), text: "A <b> & \u{1}\"]]>".to_owned() };
        let place = Node::of_class("prk", "Place").identified("a\"<", 1).with("fac", "name", name);
        let document = Node::default().with("prk", "parkingTable", Content::Node(place));
        let text = String::from_utf8(write(&document).unwrap()).unwrap();
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><prk:parkingTable xmlns:com="), "{text}");
        let end = " xsi:type=\"prk:Place\" id=\"a&quot;&lt;\" version=\"1\"><fac:name><com:values><com:value lang=\"en\">A &lt;b&gt; &amp; \
                   \u{FFFD}&quot;]]&gt;</com:value></com:values></fac:name></prk:parkingTable>";
        assert!(text.ends_with(end), "{text}");
    }
}
