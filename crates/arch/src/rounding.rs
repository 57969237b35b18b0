//! The two rounding rules of compound scaling (`round_filters` and `round_repeats` of the official
//! `efficientnet_model.py`).

/// Scales a number of filters by `width` and rounds it to a multiple of `divisor`, halves up.
///
/// `floor` is the fraction of the unrounded number below which the result is lifted by one `divisor`: 0.9 in
/// EfficientNet V1 and MobileNetV2, 0 in EfficientNet V2, which dropped the rule. The smallest result is `divisor`.
pub fn round_filters(filters: usize, width: f64, divisor: usize, floor: f64) -> usize {
    let scaled = filters as f64 * width;
    let rounded = ((scaled + divisor as f64 / 2.0) as usize / divisor * divisor).max(divisor);
    if (rounded as f64) < floor * scaled { rounded + divisor } else { rounded }
}

/// Scales a number of repeats by `depth` and rounds it up.
pub fn round_repeats(repeats: usize, depth: f64) -> usize {
    (repeats as f64 * depth).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_percent_rule() {
        // 16 * 1.2 = 19.2 rounds to 16, which is less than 90 % of 19.2.
        assert_eq!(round_filters(16, 1.2, 8, 0.9), 24);
        assert_eq!(round_filters(16, 1.2, 8, 0.0), 16);
    }

    #[test]
    fn never_below_the_divisor() {
        assert_eq!(round_filters(16, 0.1, 8, 0.9), 8);
    }

    #[test]
    fn repeats_round_up() {
        assert_eq!(round_repeats(2, 1.1), 3);
        assert_eq!(round_repeats(2, 1.0), 2);
        assert_eq!(round_repeats(1, 0.3), 1);
    }
}
