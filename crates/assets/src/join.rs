//! Modules joined into one, so that a page asks for one file where it would ask for twenty. Written for the modules of this repository: imports
//! and exports stand at the begin of a line, names are exported once among all, and nothing imports in a circle.

use std::collections::{BTreeMap, BTreeSet};

/// A module taken apart.
struct Module {
    /// What it imports: the path, and the names.
    imports: Vec<(String, Vec<String>)>,
    /// What it exports of its own.
    exports: Vec<String>,
    /// What it hands on of another.
    passed_on: Vec<String>,
    /// The rest of it.
    body: String,
}

/// Joins modules, given by their paths, into one that lies at the root of `base` and exports what they all do. Panics on what it does not
/// understand: a build script fails so.
pub fn join(sources: &BTreeMap<String, String>, base: &str) -> String {
    let modules: BTreeMap<&str, Module> = sources.iter().map(|(path, source)| (path.as_str(), take_apart(path, source, base))).collect();
    let mut outside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut exports = BTreeSet::new();
    let mut text = String::new();
    for path in in_order(&modules) {
        let module = &modules[path];
        for (target, names) in module.imports.iter().filter(|(target, _)| !modules.contains_key(target.as_str())) {
            outside.entry(target).or_default().extend(names.iter().map(String::as_str));
        }
        for name in &module.exports {
            assert!(exports.insert(name.as_str()), "{path}: another module exports {name} too");
        }
        let own = module.exports.join(", ");
        text.push_str(&format!("// {path}\nconst {{ {own} }} = (() => {{\n{}\nreturn {{ {own} }};\n}})();\n", module.body.trim()));
    }
    exports.extend(modules.values().flat_map(|module| module.passed_on.iter().map(String::as_str)));
    let imports: String = outside
        .iter()
        .map(|(target, names)| format!("import {{ {} }} from \"{base}{target}\";\n", names.iter().copied().collect::<Vec<_>>().join(", ")))
        .collect();
    format!("{imports}{text}export {{ {} }};\n", exports.into_iter().collect::<Vec<_>>().join(", "))
}

/// The modules, each after those that it imports.
fn in_order<'a>(modules: &BTreeMap<&'a str, Module>) -> Vec<&'a str> {
    fn visit<'a>(path: &'a str, modules: &BTreeMap<&'a str, Module>, open: &mut Vec<&'a str>, order: &mut Vec<&'a str>) {
        if order.contains(&path) {
            return;
        }
        assert!(!open.contains(&path), "modules import in a circle: {open:?}, {path}");
        open.push(path);
        for (target, _) in &modules[path].imports {
            if let Some((inside, _)) = modules.get_key_value(target.as_str()) {
                visit(inside, modules, open, order);
            }
        }
        open.pop();
        order.push(path);
    }
    let mut order = Vec::new();
    for path in modules.keys() {
        visit(path, modules, &mut Vec::new(), &mut order);
    }
    order
}

fn take_apart(path: &str, source: &str, base: &str) -> Module {
    let mut module = Module { imports: Vec::new(), exports: Vec::new(), passed_on: Vec::new(), body: String::new() };
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("import ") || line.starts_with("export {") {
            let mut statement = line.to_owned();
            while !statement.contains(';') {
                statement.push_str(lines.next().unwrap_or_else(|| panic!("{path}: {statement}")));
            }
            let names = names(&statement).unwrap_or_else(|| panic!("{path}: {statement}"));
            match (statement.starts_with("import"), statement.split('"').nth(1)) {
                (true, Some(target)) => module.imports.push((resolve(path, target), names)),
                (false, Some(target)) => {
                    module.passed_on.extend(names.iter().cloned());
                    module.imports.push((resolve(path, target), names));
                }
                (false, None) => module.exports.extend(names),
                (true, None) => panic!("{path}: {statement}"),
            }
        } else if let Some(declaration) = line.strip_prefix("export ") {
            module.exports.push(declared(declaration).unwrap_or_else(|| panic!("{path}: {line}")).to_owned());
            module.body.push_str(declaration);
            module.body.push('\n');
        } else {
            module.body.push_str(line);
            module.body.push('\n');
        }
    }
    module.body = with_whole_addresses(path, &module.body, base);
    module
}

/// The names in the braces of an import or export. None may have another name here than there.
fn names(statement: &str) -> Option<Vec<String>> {
    let (_, rest) = statement.split_once('{')?;
    let (list, _) = rest.split_once('}')?;
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    names.iter().all(|name| !name.contains(char::is_whitespace)).then_some(names)
}

/// What a declaration declares.
fn declared(declaration: &str) -> Option<&str> {
    let rest =
        ["const ", "function* ", "function ", "async function ", "class "].iter().find_map(|keyword| declaration.strip_prefix(keyword))?;
    let end = rest.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_' || one == '$')).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

/// The path that `target` names, seen from `path`.
fn resolve(path: &str, target: &str) -> String {
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => assert!(folders.pop().is_some(), "{path}: {target}"),
            name => folders.push(name),
        }
    }
    folders.join("/")
}

/// Modules that are loaded later are named from the root: the joined module lies elsewhere than they were named from.
fn with_whole_addresses(path: &str, body: &str, base: &str) -> String {
    let mut parts = body.split("import(\".");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (target, rest) = part.split_once('"').unwrap_or_else(|| panic!("{path}: {part}"));
        text.push_str(&format!("import(\"{base}{}\"{rest}", resolve(path, &format!(".{target}"))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(modules: &[(&str, &str)]) -> String {
        join(&modules.iter().map(|(path, source)| ((*path).to_owned(), (*source).to_owned())).collect(), "/c/")
    }

    #[test]
    fn each_module_comes_after_what_it_imports() {
        let text = joined(&[
            ("app/a.js", "import { b } from \"../lib/b.js\";\nimport {\n  h,\n} from \"../vendor/h.js\";\n\nexport const a = h(b);\n"),
            ("lib/b.js", "const own = 1;\nexport function b() {\n  return own;\n}\n"),
        ]);
        let expected = "import { h } from \"/c/vendor/h.js\";\n\
            // lib/b.js\nconst { b } = (() => {\nconst own = 1;\nfunction b() {\n  return own;\n}\nreturn { b };\n})();\n\
            // app/a.js\nconst { a } = (() => {\nconst a = h(b);\nreturn { a };\n})();\n\
            export { a, b };\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_handed_on_is_exported_and_what_is_loaded_later_is_found() {
        let text = joined(&[("lib/a.js", "export { h } from \"../vendor/h.js\";\nexport const load = () => import(\"../pages/p.js\");\n")]);
        assert!(text.starts_with("import { h } from \"/c/vendor/h.js\";\n") && text.ends_with("export { h, load };\n"), "{text}");
        assert!(text.contains("import(\"/c/pages/p.js\")"), "{text}");
    }

    #[test]
    #[should_panic(expected = "in a circle")]
    fn a_circle_is_refused() {
        joined(&[
            ("a.js", "import { b } from \"./b.js\";\nexport const a = b;\n"),
            ("b.js", "import { a } from \"./a.js\";\nexport const b = a;\n"),
        ]);
    }

    #[test]
    #[should_panic(expected = "exports a too")]
    fn a_name_is_exported_once() {
        joined(&[("a.js", "export const a = 1;\n"), ("b.js", "export const a = 2;\n")]);
    }

    #[test]
    #[should_panic(expected = "as b")]
    fn no_name_changes_on_the_way() {
        joined(&[("a.js", "import { a as b } from \"./b.js\";\nexport const c = b;\n")]);
    }
}
