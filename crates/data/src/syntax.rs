//! The grammar of a pipeline: operations with arguments, one after the other.
//!
//! ```text
//! pipeline  = operation { "|" operation }
//! operation = word [ "(" [ argument { "," argument } ] ")" ]
//! argument  = [ word "=" ] value
//! value     = word | number [ ".." number ] | "[" number { "," number } "]"
//! number    = float [ "/" float ]
//! ```
//!
//! It knows no operation: what a word means and which arguments it takes is said where the operations are, so new ones
//! need nothing here.

use std::fmt;
use std::ops::Range;

/// What is wrong with a pipeline's text, and where: three lines, the last one a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TransformError {
    /// What is wrong and what would be right.
    pub message: String,
    /// The pipeline.
    pub text: String,
    /// The place, in bytes of `text`.
    pub place: Range<usize>,
}

impl fmt::Display for TransformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, so that the caret is right whatever the text came from.
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = self.text[..self.place.start].chars().count();
        let carets = self.text[self.place.clone()].chars().count().max(1);
        write!(f, "{}\n  {line}\n  {:before$}{}", self.message, "", "^".repeat(carets))
    }
}

/// A message with its place, before the text is known.
#[derive(Debug)]
pub struct Problem {
    pub message: String,
    pub place: Range<usize>,
}

impl Problem {
    pub fn new(message: impl Into<String>, place: Range<usize>) -> Self {
        Self { message: message.into(), place }
    }

    pub fn in_text(self, text: &str) -> TransformError {
        TransformError { message: self.message, text: text.to_string(), place: self.place }
    }
}

/// One operation as it is written.
#[derive(Debug)]
pub struct Call {
    pub name: String,
    pub arguments: Vec<Argument>,
    /// Where the name stands.
    pub place: Range<usize>,
}

/// One argument as it is written.
#[derive(Debug)]
pub struct Argument {
    pub name: Option<String>,
    pub value: Value,
    pub place: Range<usize>,
}

/// What an argument can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Word(String),
    Number(f64),
    Range(f64, f64),
    List(Vec<f64>),
}

/// Reads a pipeline.
pub fn parse(text: &str) -> Result<Vec<Call>, Problem> {
    let mut parser = Parser { text, at: 0 };
    let mut calls = vec![parser.call()?];
    while parser.take("|") {
        calls.push(parser.call()?);
    }
    match parser.rest().is_empty() {
        true => Ok(calls),
        false => Err(parser.expected("`|` and another operation, or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn call(&mut self) -> Result<Call, Problem> {
        let (name, place) = self.word().ok_or_else(|| self.expected("an operation"))?;
        let mut arguments = Vec::new();
        if self.take("(") && !self.take(")") {
            arguments.push(self.argument()?);
            while self.take(",") {
                arguments.push(self.argument()?);
            }
            if !self.take(")") {
                return Err(self.expected("`,` and another argument, or `)`"));
            }
        }
        Ok(Call { name, arguments, place })
    }

    fn argument(&mut self) -> Result<Argument, Problem> {
        self.skip_space();
        let start = self.at;
        let (name, value) = match self.word() {
            Some((name, _)) if self.take("=") => (Some(name), self.value()?),
            Some((word, _)) => (None, Value::Word(word)),
            None => (None, self.value()?),
        };
        Ok(Argument { name, value, place: start..self.at })
    }

    fn value(&mut self) -> Result<Value, Problem> {
        if let Some((word, _)) = self.word() {
            return Ok(Value::Word(word));
        }
        if self.take("[") {
            let mut numbers = vec![self.number()?];
            while self.take(",") {
                numbers.push(self.number()?);
            }
            if !self.take("]") {
                return Err(self.expected("`,` and another number, or `]`"));
            }
            return Ok(Value::List(numbers));
        }
        let first = self.number()?;
        if self.take("..") { Ok(Value::Range(first, self.number()?)) } else { Ok(Value::Number(first)) }
    }

    /// A float, or a fraction of two.
    fn number(&mut self) -> Result<f64, Problem> {
        let above = self.float()?;
        if !self.take("/") {
            return Ok(above);
        }
        self.skip_space();
        let start = self.at;
        match self.float()? {
            0.0 => Err(Problem::new("a number cannot be divided by 0", start..self.at)),
            below => Ok(above / below),
        }
    }

    fn float(&mut self) -> Result<f64, Problem> {
        self.skip_space();
        let rest = self.rest();
        let mut length = 0;
        for (index, c) in rest.char_indices() {
            let exponent_sign = "+-".contains(c) && (index == 0 || rest[..index].ends_with(['e', 'E']));
            let range = rest[index..].starts_with("..");
            if range || !(c.is_ascii_digit() || "eE.".contains(c) || exponent_sign) {
                break;
            }
            length = index + 1;
        }
        let number = rest[..length].parse().ok().filter(|number: &f64| number.is_finite());
        let number = number.ok_or_else(|| match length {
            0 => self.expected("a value"),
            _ => Problem::new(format!("`{}` is not a number", &rest[..length]), self.at..self.at + length),
        })?;
        self.at += length;
        Ok(number)
    }

    fn word(&mut self) -> Option<(String, Range<usize>)> {
        self.skip_space();
        let rest = self.rest();
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let length = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let place = self.at..self.at + length;
        self.at = place.end;
        Some((rest[..length].to_string(), place))
    }

    fn take(&mut self, symbol: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> Problem {
        let start = self.text.len() - self.rest().trim_start().len();
        let found = self.text[start..].chars().next();
        let length = found.map_or(0, char::len_utf8);
        let found = found.map_or("the text ends".to_string(), |c| format!("there is `{c}`"));
        Problem::new(format!("expected {what}, but {found}"), start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).unwrap_err().in_text(text).to_string()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let calls = parse("a | b-2( ) | c(1, x, k=[1,-2.5e1],\n 0.08..1, 3/4 .. 4/3, on=yes)").unwrap();
        assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["a", "b-2", "c"]);
        let values: Vec<Value> = calls[2].arguments.iter().map(|argument| argument.value.clone()).collect();
        let expected = [
            Value::Number(1.0),
            Value::Word("x".to_string()),
            Value::List(vec![1.0, -25.0]),
            Value::Range(0.08, 1.0),
            Value::Range(0.75, 4.0 / 3.0),
            Value::Word("yes".to_string()),
        ];
        assert_eq!(values, expected);
        assert_eq!(calls[2].arguments[2].name.as_deref(), Some("k"));
    }

    #[test]
    fn errors_point_at_the_place() {
        assert_eq!(
            error("a | resize(256,, bicubic)"),
            "expected a value, but there is `,`\n  a | resize(256,, bicubic)\n                 ^"
        );
        assert_eq!(
            error("a(1"),
            "expected `,` and another argument, or `)`, but the text ends\n  a(1\n     ^"
        );
        assert_eq!(error(""), "expected an operation, but the text ends\n  \n  ^");
        assert_eq!(
            error("a b"),
            "expected `|` and another operation, or the end, but there is `b`\n  a b\n    ^"
        );
        assert_eq!(error("a(1.2.3)"), "`1.2.3` is not a number\n  a(1.2.3)\n    ^^^^^");
        assert_eq!(error("a | é ü"), "expected an operation, but there is `é`\n  a | é ü\n      ^");
        assert_eq!(error("a(1/0)"), "a number cannot be divided by 0\n  a(1/0)\n      ^");
        assert_eq!(
            error("a(\t[1,2)"),
            "expected `,` and another number, or `]`, but there is `)`\n  a( [1,2)\n         ^"
        );
        assert_eq!(error("a(1e999)"), "`1e999` is not a number\n  a(1e999)\n    ^^^^^");
    }
}
