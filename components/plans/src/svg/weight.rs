//! How much a drawing becomes once everything that it refers to stands where it is referred to: a short one can become endless. Clip paths, masks and
//! patterns are made anew for each shape whose size they depend on, and each may refer to further ones; so may `use` and `feImage`.

use std::collections::HashMap;

use usvg::roxmltree::{Document, Node, NodeId};

/// The most that a drawing may become. An element counts one, and so does a letter, which becomes a shape, and so do [`BYTES`] of attributes.
const MAX_WEIGHT: u64 = 80_000;
/// How many bytes of an attribute weigh as much as an element.
const BYTES: u64 = 100;
/// How deep elements may lie in each other, those that are referred to where they are referred to.
const MAX_DEPTH: usize = 64;

const DEEP: &str = "has elements in each other more than 64 deep, or they refer to each other in a circle";
const HEAVY: &str = "repeats too many shapes, or has too many: draw it with fewer shapes, texts, clip paths, masks and patterns";
const SHEET: &str = "has a style sheet that gives more than gradients to elements by other than their class: write that as attributes";
const NAMED: &str = "has an id with #, ( or ) in it";

/// The error says what is wrong with it.
pub fn check(document: &Document<'_>) -> Result<(), &'static str> {
    let mut scale = Scale::default();
    for node in document.descendants() {
        if let Some(id) = node.attribute("id") {
            if id.contains(['#', '(', ')']) {
                return Err(NAMED);
            }
            scale.named.entry(plain(id)).or_default().push(node.id());
        }
        let is_inherited = |text: &str| text.contains("inherit");
        scale.inherits_all |= node.attributes().any(|attribute| is_inherited(attribute.value())) || node.text().is_some_and(is_inherited);
    }
    for style in document.descendants().filter(|node| node.tag_name().name() == "style") {
        for text in style.children().filter_map(|child| child.text()) {
            scale.read(document, text)?;
        }
    }
    scale.subtree(document.root(), 0, 0).map(drop)
}

#[derive(Default)]
struct Scale {
    /// All of a name: which of them counts is not for us to say.
    named: HashMap<String, Vec<NodeId>>,
    /// What style sheets give to a class.
    of_classes: HashMap<String, Vec<NodeId>>,
    /// What style sheets give to whatever else, which is gradients alone.
    of_any: u64,
    /// Whether something says that it inherits what is not inherited by itself.
    inherits_all: bool,
    /// What was weighed already, with what it refers to.
    known: HashMap<NodeId, Size>,
}

/// What something becomes.
#[derive(Clone, Copy, Default)]
struct Size {
    weight: u64,
    /// How deep elements lie in each other in it.
    depth: usize,
}

/// What an element refers to.
#[derive(Default)]
struct Referred {
    /// By an address: what stands there is put in its place.
    by_address: u64,
    /// What its children do not inherit.
    own: u64,
    /// What they do.
    inherited: u64,
    /// The deepest of all that.
    depth: usize,
}

/// Readers differ in whether spaces and quotation marks around a name belong to it.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect()
}

impl Scale {
    /// What has a name that follows a `#` here.
    fn targets(&self, value: &str) -> Vec<NodeId> {
        let names = value.split('#').skip(1).map(|rest| plain(rest.split(')').next().unwrap_or_default()));
        let mut targets: Vec<_> = names.filter_map(|name| self.named.get(&name)).flatten().copied().collect();
        targets.sort_unstable_by_key(|target| target.get_usize());
        targets.dedup();
        targets
    }

    /// Reads a style sheet: rules of classes alone are kept by these, and others may name gradients.
    fn read(&mut self, document: &Document<'_>, sheet: &str) -> Result<(), &'static str> {
        for rule in sheet.split('}') {
            let (selectors, declarations) = rule.split_once('{').unwrap_or(("", rule));
            let targets = self.targets(declarations);
            if targets.is_empty() {
                continue;
            }
            let class = |selector: &str| {
                let class = selector.trim().strip_prefix('.')?;
                class.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)).then(|| class.to_owned())
            };
            if let Some(classes) = selectors.split(',').map(class).collect::<Option<Vec<_>>>() {
                classes.into_iter().for_each(|class| self.of_classes.entry(class).or_default().extend(&targets));
                continue;
            }
            for target in targets.into_iter().filter_map(|target| document.get_node(target)) {
                if !matches!(target.tag_name().name(), "linearGradient" | "radialGradient") {
                    return Err(SHEET);
                }
                self.of_any = self.of_any.saturating_add(target.descendants().count() as u64);
            }
        }
        Ok(())
    }

    fn referred(&mut self, node: Node<'_, '_>, depth: usize) -> Result<Referred, &'static str> {
        let mut referred = Referred::default();
        for attribute in node.attributes().filter(|attribute| attribute.value().contains('#')) {
            let Size { weight, depth } = self.together(node, &self.targets(attribute.value()), depth)?;
            referred.depth = referred.depth.max(depth);
            let sum = match attribute.name() {
                "href" => &mut referred.by_address,
                "clip-path" | "mask" | "filter" if !self.inherits_all => &mut referred.own,
                _ => &mut referred.inherited,
            };
            *sum = sum.saturating_add(weight);
        }
        for class in node.attribute("class").unwrap_or_default().split_ascii_whitespace() {
            let targets = self.of_classes.get(class).cloned().unwrap_or_default();
            let Size { weight, depth } = self.together(node, &targets, depth)?;
            referred.inherited = referred.inherited.saturating_add(weight);
            referred.depth = referred.depth.max(depth);
        }
        Ok(referred)
    }

    fn together(&mut self, node: Node<'_, '_>, targets: &[NodeId], depth: usize) -> Result<Size, &'static str> {
        let mut sum = Size::default();
        for target in targets.iter().filter_map(|target| node.document().get_node(*target)) {
            let Size { weight, depth } = self.target(target, depth + 1)?;
            sum = Size { weight: sum.weight.saturating_add(weight), depth: sum.depth.max(depth) };
        }
        Ok(sum)
    }

    /// What is referred to, with what it inherits where it stands.
    fn target(&mut self, node: Node<'_, '_>, depth: usize) -> Result<Size, &'static str> {
        let known = self.known.get(&node.id()).copied();
        if depth + known.map_or(0, |known| known.depth) > MAX_DEPTH {
            return Err(DEEP);
        }
        if let Some(known) = known {
            return Ok(known);
        }
        let mut inherited = 0_u64;
        for ancestor in node.ancestors().skip(1) {
            inherited = inherited.saturating_add(self.referred(ancestor, depth)?.inherited);
        }
        let size = self.subtree(node, inherited, depth)?;
        self.known.insert(node.id(), size);
        Ok(size)
    }

    /// What an element becomes with all that is in it, where each has so much by inheritance.
    fn subtree(&mut self, node: Node<'_, '_>, inherited: u64, depth: usize) -> Result<Size, &'static str> {
        if depth > MAX_DEPTH {
            return Err(DEEP);
        }
        if node.is_text() {
            let is_drawn = node.parent().is_some_and(|parent| parent.tag_name().name() != "style");
            let weight = node.text().filter(|_| is_drawn).map_or(0, |text| text.trim().len() as u64);
            return if weight > MAX_WEIGHT { Err(HEAVY) } else { Ok(Size { weight, depth: 1 }) };
        }
        let referred = self.referred(node, depth)?;
        let bytes = node.attributes().map(|attribute| attribute.value().len() as u64).sum::<u64>() / BYTES;
        let inherited = inherited.saturating_add(referred.inherited);
        // What is put in its place inherits from it.
        let in_place = referred.by_address.saturating_mul(inherited.saturating_add(1));
        let mut weight =
            (1 + bytes).saturating_add(self.of_any).saturating_add(inherited).saturating_add(referred.own).saturating_add(in_place);
        let mut inside = referred.depth;
        for child in node.children() {
            if weight > MAX_WEIGHT {
                break;
            }
            let child = self.subtree(child, inherited, depth + 1)?;
            weight = weight.saturating_add(child.weight);
            inside = inside.max(child.depth);
        }
        if weight > MAX_WEIGHT { Err(HEAVY) } else { Ok(Size { weight, depth: inside + 1 }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(inside: &str) -> Result<(), &'static str> {
        let text = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{inside}</svg>"#);
        check(&Document::parse(&text).unwrap())
    }

    /// Twelve steps, each of which has four of the next one.
    fn steps(open: impl Fn(usize) -> String, one: impl Fn(usize) -> String, close: &str) -> String {
        (0..12).map(|step| format!("{}{}{close}", open(step), one(step + 1).repeat(4))).collect()
    }

    #[test]
    fn what_multiplies_step_by_step_is_refused() {
        let rect = |of: String| format!(r#"<rect width="9" height="9" {of}/>"#);
        let mask = steps(|step| format!(r#"<mask id="s{step}">"#), |next| rect(format!(r#"mask="url(#s{next})""#)), "</mask>");
        let pattern = steps(
            |step| format!(r#"<pattern id="s{step}" width="1" height="1" patternContentUnits="objectBoundingBox">"#),
            |next| rect(format!(r#"style="fill: url( '#s{next}' )""#)),
            "</pattern>",
        );
        let group = steps(|step| format!(r#"<g id="s{step}">"#), |next| format!(r##"<use xlink:href="#s{next}"/>"##), "</g>");
        let filter =
            steps(|step| format!(r#"<g id="s{step}">"#), |next| format!(r##"<filter id="f"><feImage href="#s{next}"/></filter>"##), "</g>");
        let classes: String = (1..13).map(|step| format!(".c{step}{{mask:url(#s{step})}}")).collect();
        let sheet = steps(|step| format!(r#"<mask id="s{step}">"#), |next| rect(format!(r#"class="c{next}""#)), "</mask>");
        for bomb in [mask, pattern, group, filter, format!("<style>{classes}</style>{sheet}")] {
            let refused = checked(&format!("{bomb}<g id=\"s12\"/>{}", rect(r##"mask="url(#s0)" fill="url(#s0)""##.to_owned())));
            assert_eq!(refused, Err(HEAVY), "{bomb}");
        }
    }

    #[test]
    fn what_each_of_many_shapes_has_is_counted_for_each() {
        let shapes = r##"<rect clip-path="url(#c)"/>"##.repeat(500);
        let clip = |inside: usize| format!(r#"<clipPath id="c" clipPathUnits="objectBoundingBox">{}</clipPath>"#, "<path/>".repeat(inside));
        assert_eq!(checked(&format!("{}{shapes}", clip(500))), Err(HEAVY));
        assert_eq!(checked(&format!("{}{shapes}", clip(2))), Ok(()));
        let pattern = format!(r#"<pattern id="p">{}</pattern>"#, "<path/>".repeat(500));
        for inherits in [r##"<g fill="url(#p)">"##, r##"<g style="fill:url(#p)">"##, r#"<style>.a{fill:url(#p)}</style><g class="b a">"#] {
            assert_eq!(checked(&format!("{pattern}{inherits}{}</g>", "<rect/>".repeat(500))), Err(HEAVY), "{inherits}");
        }
        let by_word = format!(r##"{}<g clip-path="url(#c)">{}</g>"##, clip(500), r#"<rect clip-path="inherit"/>"#.repeat(500));
        assert_eq!(checked(&by_word), Err(HEAVY));
        let inherited_there =
            format!(r##"{pattern}<g fill="url(#p)"><mask id="m">{}</mask></g><rect mask="url(#m)"/>"##, "<path/>".repeat(200));
        assert_eq!(checked(&inherited_there), Err(HEAVY));
        let long = format!(r##"<path id="a" d="{}"/>{}"##, "M0 0".repeat(10_000), r##"<use href="#a"/>"##.repeat(400));
        assert_eq!(checked(&long), Err(HEAVY), "what is long is repeated, too");
        assert_eq!(checked(&format!("<text>{}</text>", "a".repeat(90_000))), Err(HEAVY));
    }

    #[test]
    fn no_way_to_write_a_name_hides_what_it_leads_to() {
        let shapes = |address: &str| format!(r#"<rect mask="{address}"/>"#).repeat(500);
        let mask = |id: &str| format!(r#"<mask id="{id}">{}</mask>"#, "<path/>".repeat(500));
        for (id, address) in [(" a", "url(# a)"), ("a b", "url(#a b)"), ("'a", "url(#'a)"), ("a", "url(&#35;a)"), ("a", "none url(#a)")] {
            assert_eq!(checked(&format!("{}{}", mask(id), shapes(address))), Err(HEAVY), "{id} {address}");
        }
        assert_eq!(checked(&format!("{}{}{}", mask("a"), r#"<mask id="a"/>"#, shapes("url(#a)"))), Err(HEAVY), "either of a name");
        for id in ["a#b", "a)b"] {
            assert_eq!(checked(&mask(id)), Err(NAMED));
        }
        let by_type = format!("<style>rect{{mask:url(#a)}}</style>{}", mask("a"));
        assert_eq!(checked(&by_type), Err(SHEET));
    }

    #[test]
    fn what_leads_to_itself_or_very_deep_is_refused() {
        assert_eq!(checked(r##"<mask id="a"><rect mask="url(#a)"/></mask><rect mask="url(#a)"/>"##), Err(DEEP));
        let mut chain: Vec<String> =
            (0..100).map(|step| format!(r##"<clipPath id="c{step}" clip-path="url(#c{})"><path/></clipPath>"##, step + 1)).collect();
        for _ in 0..2 {
            assert_eq!(checked(&format!(r##"{}<rect clip-path="url(#c0)"/>"##, chain.concat())), Err(DEEP), "in either order");
            chain.reverse();
        }
        assert_eq!(checked(&format!("{}{}", "<g>".repeat(100), "</g>".repeat(100))), Err(DEEP));
    }

    #[test]
    fn drawings_as_programs_write_them_are_taken() {
        let drawing = r##"<defs><style>.cls-1{fill:none;}.cls-2,.cls-3{clip-path:url(#clip-path);}.cls-4{fill:url(#lg);}rect{stroke:url(#lg)}</style>
            <clipPath id="clip-path"><rect class="cls-1" width="9" height="9"/></clipPath>
            <linearGradient id="lg"><stop offset="0" stop-color="#fff"/><stop offset="1"/></linearGradient></defs>"##;
        let shapes = r##"<g class="cls-2"><path class="cls-4" d="M0 0h9" stroke="#123456"/><text>B1-001</text></g>"##.repeat(1_000);
        assert_eq!(checked(&format!("{drawing}{shapes}")), Ok(()));
        let symbol = r##"<symbol id="car"><rect width="2" height="4"/><path d="M0 0h9"/></symbol><g id="row"><use href="#car"/><use href="#car" x="3"/></g>"##;
        assert_eq!(checked(&format!("{symbol}{}", r##"<use href="#row"/>"##.repeat(1_000))), Ok(()), "a `use` of what holds a `use`");
    }
}
