use efficientnet_data::{Transform, decode_bytes};
use std::time::Instant;
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
    let mut values = vec![0.0; t.output_len()];
    for _ in 0..5 {
        let (mut a, mut b, mut c) = (0., 0., 0.);
        for by in &bytes {
            let s = Instant::now();
            let image = decode_bytes(by, "x").unwrap();
            a += s.elapsed().as_secs_f64();
            let s = Instant::now();
            let px = t.pixels(&image);
            b += s.elapsed().as_secs_f64();
            let s = Instant::now();
            t.apply_into(&px, &mut values);
            c += s.elapsed().as_secs_f64();
        }
        println!("decode {:.3} pixels {:.3} apply(2nd) {:.3} ms", a * 10., b * 10., c * 10.);
    }
}
