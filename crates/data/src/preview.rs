//! What a transform does to a data set, as a page to look at before a training run begins.
//!
//! One file without anything beside it: the images are in it, and it follows the reader's choice of light or dark.

use std::fmt::Write as _;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::error::ImageError;
use crate::geometry::Window;
use crate::image::RgbImage8;
use crate::loader::LoaderError;
use crate::mix::Mix;
use crate::resample::{self, Interpolation};
use crate::source::{Content, Source};
use crate::transform::{Draw, Transform};

/// The longest side of an original on the page, in pixels.
const ORIGINAL_SIDE: usize = 320;
/// Images below this many pixels are drawn as they are (PNG); larger ones as JPEG, which is a tenth of the size.
const EXACT_PIXELS: usize = 128 * 128;
const JPEG_QUALITY: u8 = 90;
/// Batches to look through for one that is mixed.
const TRIES: u64 = 100;

/// What a page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewOptions {
    /// How many samples, spread evenly over the source.
    pub samples: usize,
    /// How often each one is transformed.
    pub variants: usize,
    /// The run's seed: variant `v` of place `p` is what epoch `v` of a run in the source's order would see there.
    pub seed: u64,
}

impl Default for PreviewOptions {
    fn default() -> Self {
        Self { samples: 8, variants: 6, seed: 0 }
    }
}

/// A page of originals beside what `transform` makes of them, as HTML.
///
/// # Errors
/// [`LoaderError`] for the first sample that cannot be read.
pub fn preview(
    source: &dyn Source,
    transform: &Transform,
    options: &PreviewOptions,
) -> Result<String, LoaderError> {
    let count = options.samples.clamp(1, source.len());
    let mut page = Page::new(source, transform, options, count);
    let mut batch = Vec::new();
    for row in 0..count {
        let sample = row * source.len() / count;
        let key = source.key(sample).into_owned();
        let content = source.read(sample)?;
        let original = original(&content, transform, &key)?;
        page.begin(&key, &source.classes()[source.class(sample)], &original);
        for variant in 0..options.variants {
            let draw = Draw { seed: options.seed, epoch: variant as u64, index: sample as u64 };
            let mut levels = vec![0; transform.output_len()];
            let steps = transform.render_described(&content, &key, draw, &mut levels)?;
            let [height, width] = transform.output_size();
            let Some(image) = RgbImage8::new(width, height, levels) else { continue };
            page.variant(&image, &steps);
            if variant == 0 {
                batch.push((image, source.class(sample)));
            }
        }
        page.end();
    }
    page.mixed(source, transform, options.seed, &batch);
    Ok(page.finish())
}

/// The decoded image, made small enough for a page.
fn original(content: &Content, transform: &Transform, key: &str) -> Result<(RgbImage8, String), ImageError> {
    let image = match content {
        Content::File(bytes) => transform.decode_bytes(bytes, key)?,
        Content::Pixels(image) => image.clone(),
    };
    let size = format!("{} x {}", image.width(), image.height());
    let long = image.width().max(image.height());
    if long <= ORIGINAL_SIDE {
        return Ok((image, size));
    }
    let scaled = |side: usize| (side * ORIGINAL_SIDE / long).max(1);
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    let whole = Window { x: 0, y: 0, width, height };
    Ok((resample::resize(&image, (width, height), whole, Interpolation::Bicubic), size))
}

/// A page being written.
struct Page(String);

impl Page {
    fn new(source: &dyn Source, transform: &Transform, options: &PreviewOptions, count: usize) -> Self {
        let mut html = String::from(HEAD);
        let _ = write!(
            html,
            "<h1>What the network will see</h1>\n<pre>{}</pre>\n<p>{count} of {} images in {} classes, {} \
             variants of each, seed {}.</p>\n",
            escaped(&transform.to_string()).replace(" | ", "\n  | "),
            source.len(),
            source.classes().len(),
            options.variants,
            options.seed
        );
        Self(html)
    }

    fn begin(&mut self, key: &str, class: &str, (image, size): &(RgbImage8, String)) {
        let _ = write!(
            self.0,
            "<section>\n<h2>{}</h2>\n<div>\n<figure class=original>{}<figcaption><b>{}</b>, {size}</figcaption>\
             </figure>\n",
            escaped(key),
            picture(image, "original"),
            escaped(class)
        );
    }

    fn variant(&mut self, image: &RgbImage8, steps: &[String]) {
        let list: String = steps.iter().map(|step| format!("<li>{}", escaped(step))).collect();
        let _ = writeln!(
            self.0,
            "<figure>{}<figcaption><ul>{list}</ul></figcaption></figure>",
            picture(image, "variant")
        );
    }

    /// The first variants as one batch, mixed by the first plan of the seed that mixes at all.
    fn mixed(&mut self, source: &dyn Source, transform: &Transform, seed: u64, batch: &[(RgbImage8, usize)]) {
        let plan = |index| Mix::draw(transform, Draw { seed, epoch: 0, index }, batch.len());
        let Some(mix) = (0..TRIES).find_map(plan) else { return };
        let normalization = transform.normalization();
        let size = transform.output_size();
        let mut values = vec![0.0; batch.len() * transform.output_len()];
        for ((image, _), values) in batch.iter().zip(values.chunks_exact_mut(transform.output_len())) {
            normalization.apply(image.pixels(), values);
        }
        mix.apply(&mut values, size);
        let _ = write!(self.0, "<section>\n<h2>a batch, mixed: {}</h2>\n<div>\n", described(&mix));
        for (index, values) in values.chunks_exact(transform.output_len()).enumerate() {
            let Some(image) = RgbImage8::new(size[1], size[0], normalization.levels(values)) else {
                continue;
            };
            let class = |index: usize| source.classes()[batch[index % batch.len()].1].clone();
            let share = |share: f64, class: String| format!("{:.0} % {class}", share * 100.0);
            let own = share(mix.lambda(), class(index));
            self.variant(&image, &[own, share(1.0 - mix.lambda(), class(index + mix.shift()))]);
        }
        self.end();
    }

    fn end(&mut self) {
        self.0.push_str("</div>\n</section>\n");
    }

    fn finish(mut self) -> String {
        self.0.push_str("</main>\n</html>\n");
        self.0
    }
}

fn described(mix: &Mix) -> String {
    match mix {
        Mix::MixUp { lambda, shift } => format!("mixup, lambda {lambda:.2}, with the image {shift} later"),
        Mix::CutMix { lambda, shift, rows, columns } => format!(
            "cutmix, lambda {lambda:.2}, rows {} to {} and columns {} to {} of the image {shift} later",
            rows[0], rows[1], columns[0], columns[1]
        ),
    }
}

/// An image as an element that holds its own bytes.
fn picture(image: &RgbImage8, what: &str) -> String {
    let (width, height) = (image.width() as u32, image.height() as u32);
    let mut bytes = Cursor::new(Vec::new());
    let exact = image.width() * image.height() <= EXACT_PIXELS;
    let (kind, written) = match exact {
        true => (
            "png",
            PngEncoder::new(&mut bytes).write_image(image.pixels(), width, height, ExtendedColorType::Rgb8),
        ),
        false => (
            "jpeg",
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(
                image.pixels(),
                width,
                height,
                ExtendedColorType::Rgb8,
            ),
        ),
    };
    match written {
        Ok(()) => format!(
            "<img alt=\"{what}\" width={width} height={height} src=\"data:image/{kind};base64,{}\">",
            BASE64.encode(bytes.into_inner())
        ),
        Err(error) => format!("<p>{what}: {}</p>", escaped(&error.to_string())),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Transform preview</title>
<style>
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #30363d); --soft: light-dark(#57606a, #8b949e); }
body { font: 14px/1.45 system-ui, sans-serif; margin: 0; background: light-dark(#fff, #0d1117);
  color: light-dark(#1f2328, #e6edf3); }
main { max-width: 110rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .75rem; }
h2 { font: 600 .85rem ui-monospace, monospace; margin: 0 0 .5rem; overflow-wrap: anywhere; }
pre { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
section > div { display: flex; flex-wrap: wrap; gap: .75rem; }
figure { margin: 0; width: 176px; }
figure.original { width: 240px; }
img { width: 100%; height: auto; border-radius: 4px; display: block; }
img[src*="image/png"] { image-rendering: pixelated; }
figcaption { color: var(--soft); font-size: .75rem; margin-top: .25rem; }
figcaption ul { list-style: none; margin: 0; padding: 0; }
</style>
<main>
"#;
