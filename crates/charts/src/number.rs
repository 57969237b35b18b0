//! How numbers are written on the page.

/// `12,345`.
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `90.1 %` of a share. What is not quite all is not written as all, nor what is not quite none as none.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "none".to_string();
    }
    let limit = if share < 1.0 && share > 0.0 { (0.1, 99.9) } else { (f64::MIN, f64::MAX) };
    format!("{:.1}\u{a0}%", (share * 100.0).clamp(limit.0, limit.1))
}

/// `97 %`, for captions.
pub fn round_percent(share: f64) -> String {
    format!("{:.0}\u{a0}%", if share.is_finite() { share * 100.0 } else { 0.0 })
}

/// A share, or a dash where there is none.
pub fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_string(), percent)
}

/// Three significant digits: `0.123`, `4.56`, `78.9`, `1,234`.
pub fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_string();
    }
    // Rounded before the digits are counted, so that 9.999 reads 10.0.
    let size = value.abs();
    match size {
        _ if size >= 99.95 && value > 0.0 => whole(value.round() as u64),
        _ if size >= 99.95 => format!("-{}", whole(size.round() as u64)),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `1 h 23 min`, `41 min 12 s`, `38 s`, `0.4 s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "not told".to_string();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1}\u{a0}s");
    }
    let seconds = seconds.round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}\u{a0}s"),
        (0, _) => format!("{minutes}\u{a0}min {rest}\u{a0}s"),
        _ => format!("{}\u{a0}h {minutes}\u{a0}min", whole(hours)),
    }
}

/// `1 image`, `12 images`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", whole(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
        let cases = [
            (0.1234, "0.123"),
            (0.99999, "1.00"),
            (9.999, "10.0"),
            (28.14, "28.1"),
            (99.96, "100"),
            (-1500.0, "-1,500"),
        ];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!(counted(1, "image", "images").replace('\u{a0}', " "), "1 image");
    }

    #[test]
    fn nearly_all_is_not_all() {
        let shares = [0.0, 0.000_01, 0.5, 0.999_99, 1.0, f64::NAN].map(percent);
        assert_eq!(
            shares.map(|s| s.replace('\u{a0}', " ")),
            ["0.0 %", "0.1 %", "50.0 %", "99.9 %", "100.0 %", "none"]
        );
        assert_eq!(round_percent(0.974).replace('\u{a0}', " "), "97 %");
    }

    #[test]
    fn durations_have_two_units() {
        let texts = [0.42, 38.4, 59.7, 2472.0, 4980.0, f64::NAN].map(duration);
        assert_eq!(
            texts.map(|s| s.replace('\u{a0}', " ")),
            ["0.4 s", "38 s", "1 min 0 s", "41 min 12 s", "1 h 23 min", "not told"]
        );
    }
}
