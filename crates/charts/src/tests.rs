//! Every kind of chart, on a page and in a file, from ordinary, hostile and missing numbers.

use crate::chart::Chart;
use crate::plot::{Join, Plot, Point, Trace, series};
use crate::scale::Scale;
use crate::strip::{Row, Strip};
use crate::svg::Shape;
use crate::ternary::{Cell, Mark, Ternary};

const HOSTILE: &str = "<b onload='x'>&\"\u{1b}";

/// Elements are balanced, every attribute is quoted, no `<`, `>` or `&` stands in a text, and no number is none.
fn assert_well_formed(text: &str) {
    let style = |text: &str| match (text.find("<style>"), text.find("</style>")) {
        (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to + 8..]),
        _ => text.to_string(),
    };
    let mut open = Vec::new();
    for part in style(text).split('<').skip(1) {
        let (tag, rest) = part.split_once('>').unwrap_or_else(|| panic!("an open < before {part:?}"));
        assert!(!rest.contains('>'), "an open > in {rest:?}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        for attribute in tag.split('"').step_by(2).skip(1).filter(|a| !a.is_empty() && *a != "/") {
            assert!(attribute.starts_with(' '), "{tag}");
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {rest:?}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap().to_string());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for and in text.split('&').skip(1) {
        let entity = and.split(';').next().unwrap();
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&entity), "&{entity}");
    }
    for absent in ["NaN", "inf", "onload='", "\u{1b}"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
}

fn plot(points: Vec<Point>) -> Plot<'static> {
    let trace = |join| Trace {
        name: Some(HOSTILE.into()),
        class: series(1),
        shape: Some(Shape::of(1)),
        join,
        points: points.clone(),
    };
    Plot {
        chart: Chart {
            title: HOSTILE,
            unit: HOSTILE,
            x: Scale::logarithmic(1e6, 8e6),
            y: Scale::rounded(0.0, 100.0, 4),
            suffix: "\u{a0}%",
        },
        traces: vec![trace(Join::Stairs), trace(Join::Straight), trace(Join::Apart)],
        level: Some(50.0),
    }
}

#[test]
fn plots() {
    let ordinary = vec![
        Point::new(1e6, 20.0, "first").with_interval(Some((10.0, 500.0))),
        Point::new(8e6, 60.0, "second").with_interval(Some((f64::NAN, 1.0))),
        Point::new(f64::NAN, f64::INFINITY, "none"),
    ];
    for points in [ordinary, Vec::new()] {
        let plot = plot(points);
        let (page, file) = (plot.html(), plot.svg());
        assert_well_formed(&page);
        assert_well_formed(&file);
        assert!(
            page.contains("&lt;b") && file.starts_with("<svg xmlns=") && file.contains("viewBox=\"0 0 800 ")
        );
        assert!(!file.contains('%') || !file.contains("x=\"0.000%"), "a file has pixels");
    }
}

#[test]
fn stairs_rise_where_a_point_is() {
    let points = vec![Point::new(1e6, 20.0, ""), Point::new(8e6, 60.0, "")];
    let svg = plot(points).svg();
    let path = svg.split("d=\"M").find(|part| part.matches('L').count() == 2).unwrap();
    let places: Vec<&str> = path.split('"').next().unwrap().split('L').collect();
    let ends = |index: usize| places[index].split_once(' ').unwrap();
    assert_eq!((ends(0).1, ends(1).0), (ends(1).1, ends(2).0), "{places:?}");
}

#[test]
fn strips_and_triangles() {
    let rows = vec![
        Row {
            name: HOSTILE.into(),
            values: vec![(1.0, HOSTILE.into()), (f64::NAN, String::new())],
            mean: 1.0,
            interval: Some((-9.0, 99.0)),
            class: series(0),
        };
        3
    ];
    for rows in [rows, Vec::new()] {
        let x = Scale::rounded(0.0, 4.0, 4);
        let strip = Strip { title: HOSTILE, unit: "", x, suffix: "", rows, level: Some(0.0) };
        assert_well_formed(&strip.html());
        assert_well_formed(&strip.svg());
    }
    let cells = vec![
        Cell { shares: [0.2, 0.3, 0.5], value: 3.0, hint: HOSTILE.into() },
        Cell { shares: [1.0, 0.0, 0.0], value: f64::NAN, hint: String::new() },
    ];
    for cells in [cells, Vec::new()] {
        let mark = Mark { shares: [0.5, 0.25, 0.25], shape: Shape::Star, name: HOSTILE.into() };
        let corners = ["depth", "width", "resolution"];
        let ternary =
            Ternary { title: HOSTILE, corners, unit: "top-1", suffix: "", cells, marks: vec![mark] };
        assert_well_formed(&ternary.html());
        assert_well_formed(&ternary.svg());
    }
}
