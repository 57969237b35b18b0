//! The page around the parts.

use std::fmt::Write;

use super::svg::escape;

const STYLE: &str = include_str!("page.css");

/// A whole page. `style` comes after the style that all pages have; `body` is HTML.
pub fn page(title: &str, style: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A part with a heading; nothing where there is no content.
pub fn section(body: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(body, "<section>\n<h2>{title}</h2>\n{content}</section>");
    }
}

/// Names and values below each other; nothing where there are none.
pub fn facts(facts: &[(String, String)]) -> String {
    let mut html = String::new();
    if !facts.is_empty() {
        html.push_str("<dl class=\"facts\">\n");
        for (name, value) in facts {
            let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
        }
        html.push_str("</dl>\n");
    }
    html
}

/// A large number with its name and a remark.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What it is.
    pub name: &'static str,
    /// The number.
    pub value: String,
    /// What makes it mean something.
    pub remark: String,
}

/// Large numbers beside each other.
pub fn tiles(tiles: &[Tile]) -> String {
    let items: String = tiles
        .iter()
        .map(|tile| {
            format!(
                "<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>\n",
                tile.name,
                escape(&tile.value),
                escape(&tile.remark)
            )
        })
        .collect();
    format!("<dl class=\"tiles\">\n{items}</dl>\n")
}

/// A text to be read letter by letter, such as a command.
pub fn code(text: &str) -> String {
    format!("<pre><code>{}</code></pre>\n", escape(text))
}
