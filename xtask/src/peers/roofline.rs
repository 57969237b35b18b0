//! The roofline of one of our networks as charts and a table.

use super::layers::{Layers, Roof, Step};
use crate::report::bars::{ROW_HEIGHT, bar_row, figure, grid, tbody, tick_label};
use crate::report::parts::table;
use crate::report::svg::{Drawing, Scale, escape};
use crate::report::three_digits;

/// Steps that have a bar of their own.
const BARS: usize = 12;
/// A set of about the size of a step's maps.
const NEAR: u64 = 256 << 10;

/// How the bounds come about.
pub const METHOD: &str = "A step takes at least as long as its multiply-adds in a matrix product whose operands stay in \
    the caches, and at least as long as its bytes take to be read: all of them from a set of the step's own size, for its \
    input has just been written, and its weights from a set of the whole network's size, for all else has been read since. \
    The larger is its bound. Activations count nothing, nor does what is read twice. Both speeds are measured before, with \
    the same instructions and threads. Times are the shortest of up to a hundred passes over one image, on which all \
    threads work.";

/// A network's steps: who is furthest from its bound, two charts, and every number.
pub fn html(roof: &Roof) -> String {
    let (workload, plural) = (&roof.workload, if roof.workload.threads == 1 { "" } else { "s" });
    let title =
        format!("{}, {} px, {} thread{plural}", workload.model, workload.resolution, workload.threads);
    let Some(layers) = &roof.layers else {
        let reason = roof.reason.as_deref().unwrap_or("no reason given");
        return format!("<h3>{}</h3>\n<p>not measured: {}</p>\n", escape(&title), escape(reason));
    };
    format!(
        "<h3>{}</h3>\n<p>{}</p>\n{}{}{}<details><summary>All {} steps</summary>{}</details>\n",
        escape(&title),
        escape(&summary(layers)),
        furthest(layers),
        bars(layers),
        scatter(layers),
        layers.steps.len(),
        steps(layers)
    )
}

fn summary(layers: &Layers) -> String {
    let far = layers.gigabytes(layers.network_bytes).map_or(String::new(), |gigabytes| {
        format!(
            ", and a set of the size of the network, {} MiB, is read at {} GB/s at most",
            three_digits(layers.network_bytes as f64 / 1_048_576.0),
            three_digits(gigabytes)
        )
    });
    format!(
        "All steps take {} ms, their bounds {} ms ({}). A matrix product in the caches reaches {} GFLOP/s ({}){far}.",
        three_digits(layers.us / 1e3),
        three_digits(layers.bound_us / 1e3),
        percent(layers.bound_us / layers.us),
        three_digits(layers.gflops),
        layers.isa
    )
}

fn percent(share: f64) -> String {
    format!("{:.0}\u{a0}%", 100.0 * share)
}

/// The steps with the most time to gain.
fn furthest(layers: &Layers) -> String {
    let items = layers.named().map(|step| {
        format!(
            "<li>{}: {} of {} µs above the bound ({})</li>\n",
            escape(&step.title()),
            three_digits(step.lost_us()),
            three_digits(step.us),
            escape(&step.bound)
        )
    });
    format!(
        "<p>Furthest from their bound:</p>\n<ol class=\"findings\">\n{}</ol>\n",
        items.collect::<String>()
    )
}

/// Time and bound of the steps with the most to gain.
fn bars(layers: &Layers) -> String {
    let mut order: Vec<&Step> = layers.steps.iter().collect();
    order.sort_by(|a, b| b.lost_us().total_cmp(&a.lost_us()));
    order.truncate(BARS);
    let longest = order.iter().map(|step| step.us.max(step.bound_us)).fold(0.0, f64::max);
    let scale = Scale::linear(longest, 4);
    let rows = order.into_iter().map(|step| {
        let mut drawing = Drawing::new(ROW_HEIGHT);
        grid(&mut drawing, &scale, ROW_HEIGHT);
        drawing.bar("fill rest ours", (0.0, scale.place(step.us)), 6.0, ROW_HEIGHT - 12.0);
        let class = format!("fill {}", colour(step));
        drawing.bar(&class, (0.0, scale.place(step.bound_us)), 6.0, ROW_HEIGHT - 12.0);
        let cells = [format!("{} µs", three_digits(step.us)), percent(step.share_of_bound)];
        bar_row("", &escape(&step.title()), &drawing.finish(None), &cells)
    });
    let facts = format!(
        "{}bound by arithmetic {}bound by memory {}left to gain",
        key("ours"),
        key("torch"),
        key("rest ours")
    );
    let title = format!("The {} steps with the most to gain", layers.steps.len().min(BARS));
    let unit = "microseconds; to the right the share that the bound has of the time";
    let chart = figure(&title, &facts, unit, &tbody(&rows.collect::<String>()), &scale);
    format!("<div class=\"steps\">{chart}</div>\n")
}

fn colour(step: &Step) -> &'static str {
    if step.bound == "memory" { "torch" } else { "ours" }
}

fn key(class: &str) -> String {
    format!(r#"<i class="dot {class}"></i>"#)
}

/// Arithmetic for each byte, and speed; both axes logarithmic, so that speeds of memory are straight lines.
fn scatter(layers: &Layers) -> String {
    let points: Vec<(f64, &Step)> =
        layers.steps.iter().filter_map(|step| Some((step.intensity()?, step))).collect();
    if points.is_empty() {
        return String::new();
    }
    let across = Scale::logarithmic(points.iter().map(|point| point.0));
    let up = Scale::logarithmic(points.iter().map(|point| point.1.gflops).chain([layers.gflops]));
    let frame = Frame { across, up };
    let mut drawing = Drawing::new(BOTTOM + 36.0);
    frame.draw(&mut drawing);
    let far = layers.gigabytes(layers.network_bytes);
    for gigabytes in layers.gigabytes(NEAR).into_iter().chain(far) {
        frame.memory(&mut drawing, gigabytes, layers.gflops);
    }
    frame.arithmetic(&mut drawing, layers.gflops);
    let longest = layers.steps.iter().map(|step| step.us).fold(f64::MIN_POSITIVE, f64::max);
    for (intensity, step) in &points {
        let class = format!("fill area {}", colour(step));
        // A disc's area is its step's time.
        drawing.disc(&class, frame.place(*intensity, step.gflops), 2.0 + 9.0 * (step.us / longest).sqrt());
    }
    for (rank, step) in layers.named().enumerate() {
        if let Some(intensity) = step.intensity() {
            let (x, y) = frame.place(intensity, step.gflops);
            drawing.text("rank", (x, y + 4.0), "middle", 0.0, &(rank + 1).to_string());
        }
    }
    let label = format!("{} steps by their arithmetic for each byte and their speed", points.len());
    let chart = drawing.finish(Some(&label));
    let unit = "across: multiply-adds counted twice, for each byte of weights and maps; up: GFLOP/s; an area is a step's time; \
                1 to 3 are furthest from their bound";
    format!(
        "<figure class=\"chart\"><figcaption><b>Roofline</b> <span>{}bound by arithmetic {}bound by memory</span></figcaption>\
         {chart}<p class=\"axis\">{unit}</p></figure>\n",
        key("ours"),
        key("torch")
    )
}

const TOP: f64 = 20.0;
const BOTTOM: f64 = 260.0;
/// In percent.
const LEFT: f64 = 5.0;
const RIGHT: f64 = 97.0;

/// Two logarithmic axes.
struct Frame {
    across: Scale,
    up: Scale,
}

impl Frame {
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let x = LEFT + self.across.place(x) / 100.0 * (RIGHT - LEFT);
        (x, BOTTOM - self.up.place(y) / 100.0 * (BOTTOM - TOP))
    }

    fn ends(scale: &Scale) -> (f64, f64) {
        let end = |tick: Option<&f64>| tick.copied().unwrap_or(1.0);
        (end(scale.ticks.first()), end(scale.ticks.last()))
    }

    fn draw(&self, drawing: &mut Drawing) {
        let ((left, _), (low, high)) = (Self::ends(&self.across), Self::ends(&self.up));
        for &tick in &self.up.ticks {
            let (x, y) = self.place(left, tick);
            drawing.line("grid", (x, y), (RIGHT, y));
            drawing.text("tick", (x, y + 4.0), "end", -8.0, &tick_label(tick));
        }
        for &tick in &self.across.ticks {
            let (x, bottom) = self.place(tick, low);
            drawing.line("grid", (x, bottom), (x, self.place(tick, high).1));
            drawing.text("tick", (x, bottom + 16.0), "middle", 0.0, &tick_label(tick));
        }
    }

    /// What can be done with each byte at this speed, up to where arithmetic is the bound.
    fn memory(&self, drawing: &mut Drawing, gigabytes: f64, gflops: f64) {
        let ((left, right), (low, _)) = (Self::ends(&self.across), Self::ends(&self.up));
        let (from, to) = (left.max(low / gigabytes), right.min(gflops / gigabytes));
        if from < to {
            drawing.line("level", self.place(from, from * gigabytes), self.place(to, to * gigabytes));
            let (x, y) = self.place((from * to).sqrt(), (from * to).sqrt() * gigabytes);
            drawing.text("tick", (x, y), "end", -8.0, &format!("{} GB/s", three_digits(gigabytes)));
        }
    }

    fn arithmetic(&self, drawing: &mut Drawing, gflops: f64) {
        let (left, right) = Self::ends(&self.across);
        let (start, end) = (self.place(left, gflops), self.place(right, gflops));
        drawing.line("level", start, end);
        drawing.text("tick", (end.0, end.1 - 6.0), "end", 0.0, &format!("{} GFLOP/s", three_digits(gflops)));
    }
}

const HEADINGS: [&str; 10] = [
    "Step",
    "Size",
    "#µs",
    "#% of all",
    "#GFLOP/s",
    "#GB/s",
    "#Bound, µs",
    "Bound by",
    "#% of bound",
    "#To gain, µs",
];

fn steps(layers: &Layers) -> String {
    let rows = layers.steps.iter().enumerate().map(|(index, step)| {
        let rank = layers.furthest.iter().position(|&far| far == index);
        let rank =
            rank.map_or(String::new(), |rank| format!(r#"<span class="badge rank">{}</span>"#, rank + 1));
        let cells = vec![
            escape(&step.name) + &rank,
            format!("{}×{}", step.height, step.width),
            format!("{:.1}", step.us),
            format!("{:.1}", 100.0 * step.us / layers.us),
            format!("{:.1}", step.gflops),
            format!("{:.1}", step.gigabytes_per_second),
            format!("{:.1}", step.bound_us),
            escape(&step.bound),
            format!("{:.0}", 100.0 * step.share_of_bound),
            format!("{:.1}", step.lost_us()),
        ];
        ("", cells)
    });
    table(&HEADINGS, rows.collect())
}
