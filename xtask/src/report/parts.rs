//! What pages are made of.

use std::fmt::Write;

use super::svg::escape;

const STYLE: &str = include_str!("report.css");

/// A whole page; `body` is HTML.
pub fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Escapes `text` and shows names in `backticks` as code, where they come in pairs.
pub fn inline(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return escape(text);
    }
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        // A number stays on the line of its unit.
        let part = escape(part).replace("batch ", "batch\u{a0}").replace(" ms", "\u{a0}ms");
        let _ = if index % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
    }
    html
}

/// A part with a heading; nothing where there is no content.
pub fn section(body: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(body, "<section>\n<h2>{title}</h2>\n{content}\n</section>");
    }
}

/// A table; a heading that begins with `#` is of a column of numbers. Rows come with their class.
pub fn table(headings: &[&str], rows: Vec<(&str, Vec<String>)>) -> String {
    let dense = if headings.len() > 10 { " dense" } else { "" };
    let mut html = format!("<div class=\"wide\"><table class=\"data{dense}\"><thead><tr>");
    for heading in headings {
        let _ = match heading.strip_prefix('#') {
            Some(name) => write!(html, r#"<th class="n" scope="col">{name}</th>"#),
            None => write!(html, r#"<th scope="col">{heading}</th>"#),
        };
    }
    html.push_str("</tr></thead><tbody>\n");
    for (class, cells) in rows {
        let _ = write!(html, r#"<tr class="{class}">"#);
        for (heading, cell) in headings.iter().zip(cells) {
            let class = match *heading {
                name if name.starts_with('#') => "n",
                "Why" => "why",
                _ => "",
            };
            let _ = write!(html, r#"<td class="{class}">{cell}</td>"#);
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody></table></div>"
}
