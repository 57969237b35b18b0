//! How numbers are written in a report.

/// Three significant digits, thousands set apart: `0.123`, `4.56`, `78.9`, `1,234`.
pub fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_string();
    }
    // Rounded before the digits are counted, so that 9.999 reads 10.0.
    let size = value.abs();
    let decimals = match size {
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 { thousands(&text) } else { text }
}

fn thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `85.3 ms`.
pub fn ms(value: f64) -> String {
    format!("{} ms", three_digits(value))
}

/// `2.7×`, `37×`.
pub fn ratio(value: f64) -> String {
    if value >= 9.95 { format!("{}×", thousands(&format!("{value:.0}"))) } else { format!("{value:.1}×") }
}

/// `2.7`, or `2.7 to 3.4`; for sentences about how many times as long.
pub fn range(low: f64, high: f64) -> String {
    let (low, high) = (ratio(low).replace('×', ""), ratio(high).replace('×', ""));
    if low == high { low } else { format!("{low} to {high}") }
}

/// `5.29 M`, `390 M`, `1.23 G`.
pub fn count(value: u64) -> String {
    let value = value as f64;
    let (scaled, unit) = match value {
        _ if value >= 1e9 => (value / 1e9, " G"),
        _ if value >= 1e6 => (value / 1e6, " M"),
        _ if value >= 1e3 => (value / 1e3, " k"),
        _ => return format!("{value:.0}"),
    };
    format!("{}{unit}", three_digits(scaled))
}

/// `213 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", thousands(&format!("{:.0}", bytes as f64 / 1_048_576.0)))
}

/// A small difference: `3.1e-6`, `0`, or that it is not a number.
pub fn difference(value: Option<f64>) -> String {
    match value {
        None => "not a number".to_string(),
        Some(0.0) => "0".to_string(),
        Some(value) => format!("{value:.1e}").replace(".0e", "e"),
    }
}

/// `78.12 %` of a share.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_everywhere() {
        let cases = [
            (0.1234, "0.123"),
            (0.99999, "1.00"),
            (9.999, "10.0"),
            (28.14, "28.1"),
            (99.96, "100"),
            (1234.4, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-1500.0, "-1,500"),
        ];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!(three_digits(f64::NAN), "not a number");
    }

    #[test]
    fn sizes_and_ratios() {
        assert_eq!((ratio(2.71).as_str(), ratio(37.2).as_str()), ("2.7×", "37×"));
        assert_eq!((range(2.71, 2.74).as_str(), range(2.0, 12.3).as_str()), ("2.7", "2.0 to 12"));
        assert_eq!(
            (count(5_288_548).as_str(), count(390_000_000).as_str(), count(12).as_str()),
            ("5.29 M", "390 M", "12")
        );
        assert_eq!(mebibytes(1_500 * 1_048_576), "1,500 MiB");
        assert_eq!((difference(Some(3.14e-6)).as_str(), difference(Some(1e-4)).as_str()), ("3.1e-6", "1e-4"));
        assert_eq!(percent(0.7812), "78.12 %");
    }
}
