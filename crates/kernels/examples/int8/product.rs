//! A matrix product of bytes with AVX2, as a 1x1 convolution of one image needs it: pixels of `k` channels in, of `n` out,
//! `[pixel][channel]`, unsigned with a zero point; weights signed, with a scale for each output channel.

use std::arch::x86_64::*;

/// How products of two bytes are kept from overflowing 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Weights of 8 bits whose neighbours, where they have one sign, add up to no more than 128: then two products fit the
    /// 16 bits that `maddubs` has for them. All weights of 7 bits are such.
    Pairs,
    /// Weights of 8 bits; both sides are widened to 16 bits, their products are exact in 32.
    Widened,
    /// Weights and activations of 7 bits: four products fit, so that half as many additions to 32 bits are needed.
    SevenBoth,
}

impl Scheme {
    pub const ALL: [Self; 3] = [Self::Pairs, Self::Widened, Self::SevenBoth];
    pub const NAMES: [&str; 3] = ["8 bits in pairs", "8 bits, widened", "both of 7 bits"];

    /// Largest weight and largest activation.
    pub fn largest(self) -> (i8, u8) {
        match self {
            Self::Pairs | Self::Widened => (127, 255),
            Self::SevenBoth => (63, 127),
        }
    }
}

/// Weights, packed, and what is done with a sum: `round(sum * scale + offset)`, cut off at 0 and at `top`. The zero points
/// of both sides and the bias are in `offset`; ReLU6 is the cutting off.
pub struct Product {
    scheme: Scheme,
    k: usize,
    n: usize,
    /// Panels of 16 output channels, the last of 24 where 8 are left; in a panel step by step, in a step 8 channels by 8.
    weights: Vec<__m256i>,
    scale: Vec<f32>,
    offset: Vec<f32>,
    /// A strip of pixels in 16 bits.
    wide: Vec<i16>,
}

/// Bytes of activations, in and out, that stay in the first cache while all panels of weights pass by.
const STRIP: usize = 24 << 10;

impl Product {
    /// `weights` is `[n][k]`.
    pub fn new(
        scheme: Scheme,
        weights: &[i8],
        [k, n]: [usize; 2],
        scale: Vec<f32>,
        offset: Vec<f32>,
    ) -> Self {
        assert!(k % 8 == 0 && n % 8 == 0 && n >= 16 && weights.len() == k * n);
        assert!(scale.len() == n && offset.len() == n);
        let mut bytes: Vec<[u8; 32]> = Vec::new();
        let each = if scheme == Scheme::Widened { 2 } else { 4 };
        for (first, blocks) in panels(n) {
            for (step, block) in (0..k / each).flat_map(|step| (0..blocks).map(move |block| (step, block))) {
                let mut vector = [0; 32];
                for lane in 0..8 {
                    let row = &weights[(first + block * 8 + lane) * k + step * each..][..each];
                    for (i, &weight) in row.iter().enumerate() {
                        match scheme {
                            Scheme::Widened => vector[lane * 4 + i * 2..][..2]
                                .copy_from_slice(&i16::from(weight).to_le_bytes()),
                            _ => vector[lane * 4 + i] = weight.cast_unsigned(),
                        }
                    }
                }
                bytes.push(vector);
            }
        }
        // SAFETY: both are 32 bytes without padding, and any bytes are a vector.
        let weights = bytes.into_iter().map(|bytes| unsafe { std::mem::transmute(bytes) }).collect();
        Self { scheme, k, n, weights, scale, offset, wide: Vec::new() }
    }

    /// # Safety
    /// The processor has AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn run(&mut self, input: &[u8], output: &mut [u8]) {
        let pixels = input.len() / self.k;
        assert!(input.len() == pixels * self.k && output.len() == pixels * self.n);
        let strip = (STRIP / (self.k + self.n)).max(1).next_multiple_of(12);
        for (input, output) in input.chunks(strip * self.k).zip(output.chunks_mut(strip * self.n)) {
            // SAFETY: the instructions are there; a strip has whole pixels of both sides.
            unsafe {
                match self.scheme {
                    Scheme::Pairs => self.strip::<0>(input.as_ptr().cast(), input.len() / self.k, output),
                    Scheme::SevenBoth => self.strip::<2>(input.as_ptr().cast(), input.len() / self.k, output),
                    Scheme::Widened => {
                        self.wide.resize(strip * self.k, 0);
                        for (to, from) in self.wide.chunks_exact_mut(8).zip(input.chunks_exact(8)) {
                            let from = _mm_loadl_epi64(from.as_ptr().cast());
                            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_cvtepu8_epi16(from));
                        }
                        self.strip::<1>(self.wide.as_ptr().cast(), input.len() / self.k, output);
                    }
                }
            }
        }
    }

    /// # Safety
    /// The processor has AVX2 and FMA; from `input` on there are `pixels` times `k` numbers, and as many times `n` in `output`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn strip<const SCHEME: usize>(&self, input: *const i32, pixels: usize, output: &mut [u8]) {
        let steps = if SCHEME == 1 { self.k / 2 } else { self.k / 4 };
        let mut weights = self.weights.as_ptr();
        for (first, blocks) in panels(self.n) {
            // As many as there are registers for; two inputs and two products at a time need more of them.
            let most = if blocks == 2 && SCHEME != 2 { 6 } else { 4 };
            let mut pixel = 0;
            while pixel < pixels {
                // What is left is spread over the last tiles: one of a single pixel would wait for its own sums.
                let left = pixels - pixel;
                let rows = left.div_ceil(left.div_ceil(most));
                // SAFETY: rows are in the strip, the panel's weights and channels in their vectors.
                unsafe {
                    let (x, y) = (input.add(pixel * steps), output.as_mut_ptr().add(pixel * self.n + first));
                    match (rows, blocks) {
                        (6, 2) => self.tile::<SCHEME, 6, 2>(x, steps, weights, first, y),
                        (5, 2) => self.tile::<SCHEME, 5, 2>(x, steps, weights, first, y),
                        (4, 2) => self.tile::<SCHEME, 4, 2>(x, steps, weights, first, y),
                        (3, 2) => self.tile::<SCHEME, 3, 2>(x, steps, weights, first, y),
                        (2, 2) => self.tile::<SCHEME, 2, 2>(x, steps, weights, first, y),
                        (_, 2) => self.tile::<SCHEME, 1, 2>(x, steps, weights, first, y),
                        (4, _) => self.tile::<SCHEME, 4, 3>(x, steps, weights, first, y),
                        (3, _) => self.tile::<SCHEME, 3, 3>(x, steps, weights, first, y),
                        (2, _) => self.tile::<SCHEME, 2, 3>(x, steps, weights, first, y),
                        _ => self.tile::<SCHEME, 1, 3>(x, steps, weights, first, y),
                    }
                }
                pixel += rows;
            }
            // SAFETY: a panel has so many vectors.
            weights = unsafe { weights.add(steps * blocks) };
        }
    }

    /// `ROWS` pixels times `BLOCKS` times 8 channels, sums in registers.
    ///
    /// # Safety
    /// As [`Self::strip`]: `steps` times four bytes for each row at `x`, `steps` times `BLOCKS` vectors at `weights`, and
    /// `BLOCKS` times 8 channels at `y` in each of `ROWS` pixels.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const SCHEME: usize, const ROWS: usize, const BLOCKS: usize>(
        &self,
        x: *const i32,
        steps: usize,
        weights: *const __m256i,
        first: usize,
        y: *mut u8,
    ) {
        let ones = _mm256_set1_epi16(1);
        let mut sums = [[_mm256_setzero_si256(); BLOCKS]; ROWS];
        let at_once = if SCHEME == 2 { 2 } else { 1 };
        let mut step = 0;
        while step < steps {
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: in bounds, as promised; `k` is a multiple of 8, so two steps are as well.
                let (a, b) = unsafe {
                    let x = x.add(row * steps + step);
                    (x.read_unaligned(), x.add(at_once - 1).read_unaligned())
                };
                let (a, b) = (_mm256_set1_epi32(a), _mm256_set1_epi32(b));
                for (block, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: as above.
                    let (v, w) = unsafe {
                        let weights = weights.add(step * BLOCKS + block);
                        (*weights, *weights.add((at_once - 1) * BLOCKS))
                    };
                    let products = match SCHEME {
                        0 => _mm256_madd_epi16(_mm256_maddubs_epi16(a, v), ones),
                        1 => _mm256_madd_epi16(a, v),
                        _ => {
                            let four =
                                _mm256_add_epi16(_mm256_maddubs_epi16(a, v), _mm256_maddubs_epi16(b, w));
                            _mm256_madd_epi16(four, ones)
                        }
                    };
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
            step += at_once;
        }
        // Packing cuts off at 255.
        let top = _mm256_set1_epi16(127);
        let cut = |words| if SCHEME == 2 { _mm256_min_epi16(words, top) } else { words };
        for (row, sums) in sums.iter().enumerate() {
            let mut out = [_mm256_setzero_si256(); 4];
            for (block, &sum) in sums.iter().enumerate() {
                // SAFETY: `first` and the blocks behind it are among the `n` channels.
                let (scale, offset) = unsafe {
                    let at = first + block * 8;
                    (
                        _mm256_loadu_ps(self.scale.as_ptr().add(at)),
                        _mm256_loadu_ps(self.offset.as_ptr().add(at)),
                    )
                };
                out[block] = _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, offset));
            }
            // Packing goes by halves of a register; the permutation puts them in order.
            let half = |a, b| _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8);
            let words = cut(half(out[0], out[1]));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            // SAFETY: 16 channels, and 8 more where there is a third block, are this tile's in each pixel.
            unsafe {
                let y = y.add(row * self.n);
                _mm_storeu_si128(y.cast(), bytes);
                if BLOCKS == 3 {
                    let words = _mm256_castsi256_si128(cut(half(out[2], out[2])));
                    _mm_storel_epi64(y.add(16).cast(), _mm_packus_epi16(words, words));
                }
            }
        }
    }

    /// The same, number by number.
    pub fn naive(&self, weights: &[i8], input: &[u8]) -> Vec<u8> {
        let top = f32::from(self.scheme.largest().1);
        let pixel = |x: &[u8]| -> Vec<u8> {
            let channel = |(c, row): (usize, &[i8])| {
                let sum: i32 = x.iter().zip(row).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum();
                (sum as f32).mul_add(self.scale[c], self.offset[c]).round_ties_even().clamp(0.0, top) as u8
            };
            weights.chunks_exact(self.k).enumerate().map(channel).collect()
        };
        input.chunks_exact(self.k).flat_map(pixel).collect()
    }
}

/// First channel and number of blocks of 8 of each panel.
fn panels(n: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = n / 16;
    (0..count).map(move |panel| (panel * 16, if panel + 1 == count { (n - panel * 16) / 8 } else { 2 }))
}

/// What an f32 depthwise convolution between bytes needs besides: bytes to f32, f32 to bytes. The f32 stay in the first cache,
/// as in a fused step.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn convert(from: &[u8], to: &mut [u8], scale: f32) {
    let mut rows = [0.0_f32; 2048];
    let (by, back) = (_mm256_set1_ps(scale), _mm256_set1_ps(1.0 / scale));
    // SAFETY (of the stores and loads): chunks are of 8, the buffer is longer than a chunk.
    for from in from.chunks(rows.len()) {
        for (from, row) in from.chunks_exact(8).zip(rows.chunks_exact_mut(8)) {
            // SAFETY: eight numbers on both sides.
            unsafe {
                let x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.as_ptr().cast())));
                _mm256_storeu_ps(row.as_mut_ptr(), _mm256_mul_ps(x, by));
            }
        }
        std::hint::black_box(&mut rows);
    }
    for to in to.chunks_mut(rows.len()) {
        for (to, row) in to.chunks_exact_mut(8).zip(rows.chunks_exact(8)) {
            // SAFETY: eight numbers on both sides.
            unsafe {
                let x = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(row.as_ptr()), back));
                let words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
                _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packus_epi16(words, words));
            }
        }
        std::hint::black_box(&mut rows);
    }
}
