//! Whatever stands in a file or a setting, there is a recipe or an error, and no panic.

use efficientnet_runs::recipe::{NAMED, Recipe};
use proptest::prelude::*;

/// A committed recipe with some of its bytes exchanged, taken out or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..4u8, any::<char>(), "[\\[\\]{}=\".,0-9a-z\n-]{0,4}");
    (0..NAMED.len(), prop::collection::vec(change, 1..6)).prop_map(|(which, changes)| {
        let mut text: Vec<char> = NAMED[which].text.chars().collect();
        for (index, kind, character, word) in changes {
            if text.is_empty() {
                break;
            }
            let at = index.index(text.len());
            match kind {
                0 => text[at] = character,
                1 => drop(text.remove(at)),
                2 => drop(text.splice(at..at, word.chars())),
                _ => text.truncate(at),
            }
        }
        text.into_iter().collect()
    })
}

/// Lines of a committed recipe with other values.
fn revalued() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<f64>().prop_map(|value| format!("{value:?}").replace("NaN", "nan")),
        any::<i64>().prop_map(|value| value.to_string()),
        Just("[]".to_string()),
        Just("{}".to_string()),
        Just("\"\"".to_string()),
        Just("[1e308, 9223372036854775807]".to_string()),
        Just("9223372036854775807".to_string()),
    ];
    (0..NAMED.len(), any::<prop::sample::Index>(), value).prop_map(|(which, index, value)| {
        let mut lines: Vec<String> = NAMED[which].text.lines().map(str::to_string).collect();
        let keyed: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
        let line = &mut lines[keyed[index.index(keyed.len())]];
        *line = format!("{} = {value}", line.split(" = ").next().unwrap_or_default());
        lines.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_text_is_a_recipe_or_an_error(text in prop_oneof![mutated(), revalued(), any::<String>()]) {
        match Recipe::parse(&text, "mutated.toml") {
            Ok(recipe) => {
                let dump = recipe.to_toml().unwrap();
                prop_assert_eq!(&Recipe::parse(&dump, "dump").unwrap(), &recipe);
                prop_assert_eq!(recipe.with_all([]).unwrap(), recipe.clone());
                recipe.hash().unwrap();
                for epoch in [0, 1, 100, u64::MAX] {
                    recipe.in_epoch(epoch).unwrap();
                }
            }
            Err(error) => prop_assert!(error.to_string().starts_with("mutated.toml"), "{}", error),
        }
    }

    #[test]
    fn any_setting_is_taken_or_refused(key in "[a-z._]{0,12}|(schedule|data|model|keep)\\.[a-z_]{1,9}", value in any::<String>()) {
        let recipe = Recipe::named("cifar").unwrap();
        if let Err(error) = recipe.with(&format!("{key}={value}")) {
            prop_assert!(!error.to_string().contains("line "), "{}", error);
        }
    }
}
