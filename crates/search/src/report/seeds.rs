//! How much the seeds of a network differ.

use efficientnet_charts::plot::series;
use efficientnet_charts::scale::Scale;
use efficientnet_charts::strip::{Row, Strip};

use super::figure::{Figure, ends, hundred, percent};
use crate::analysis::{Analysis, Trained};

/// Networks that are shown.
const ROWS: usize = 30;

pub fn seeds(analysis: &Analysis) -> Option<Figure> {
    let mut networks: Vec<&Trained> =
        analysis.trained.iter().filter(|network| network.longest && network.seeds.len() > 1).collect();
    networks.sort_by(|a, b| b.epochs.cmp(&a.epochs).then(b.top1.total_cmp(&a.top1)));
    let title = match networks.len() {
        0 => return None,
        count if count > ROWS => format!("Every seed of the best {ROWS} of {count} networks"),
        _ => "Every seed of every network".to_string(),
    };
    networks.truncate(ROWS);
    let rows: Vec<Row> = networks.into_iter().map(row).collect();
    let (low, high) = ends(rows.iter().flat_map(|row| row.values.iter().map(|value| value.0)));
    let x = Scale::rounded(low.clamp(0.0, 99.0), high.clamp(low.max(0.0) + 0.1, 100.0), 6);
    let unit = "top-1: a dot for each seed, a diamond for the mean, a line for its 95 % interval";
    let strip = Strip { title: &title, unit, x, suffix: "\u{a0}%", rows, level: None };
    Some(Figure { name: "seeds", html: strip.html(), svg: strip.svg() })
}

fn row(network: &Trained) -> Row {
    let values = network.seeds.iter().map(|result| {
        let hint = format!("{} from seed {}: {:.2} %", network.name, result.seed, hundred(result.top1));
        (hundred(result.top1), hint)
    });
    Row {
        name: network.name.clone(),
        values: values.collect(),
        mean: hundred(network.top1),
        interval: percent(network.interval),
        class: series(0),
    }
}
