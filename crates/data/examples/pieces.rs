use efficientnet_data::{RgbImage8, Transform, decode_bytes};
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}
fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let mut files: Vec<_> = vec![];
    for class in std::fs::read_dir(folder).unwrap() {
        for f in std::fs::read_dir(class.unwrap().path()).unwrap() {
            files.push(f.unwrap().path());
        }
    }
    files.sort();
    let bytes: Vec<_> = files.iter().map(|f| std::fs::read(f).unwrap()).collect();
    let t: Transform =
        "padded_center_crop(224, 96) | squash(224, bicubic) | normalize(imagenet)".parse().unwrap();
    let id: Transform = "center_crop(224) | normalize(imagenet)".parse().unwrap();
    let mut values = vec![0.0; t.output_len()];
    let images: Vec<RgbImage8> = bytes.iter().map(|b| decode_bytes(b, "x").unwrap()).collect();
    let small: Vec<RgbImage8> = images.iter().map(|b| t.pixels(b)).collect();
    for _ in 0..7 {
        let s = cpu();
        for by in &bytes {
            libjpeg_turbo_rs::decompress(by).unwrap();
        }
        let a = cpu() - s;
        let s = cpu();
        for by in &bytes {
            decode_bytes(by, "x").unwrap();
        }
        let b = cpu() - s;
        let s = cpu();
        for im in &images {
            t.pixels(im);
        }
        let c = cpu() - s;
        let s = cpu();
        for im in &small {
            id.apply_into(im, &mut values);
        }
        let d = cpu() - s;
        println!(
            "general {:.3} ours {:.3} pixels {:.3} normalise {:.3} ms",
            a / 100.,
            b / 100.,
            c / 100.,
            d / 100.
        );
    }
}
