//! Plans as files: what is read, what is refused, and in which words.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use std::path::Path;

use common::*;
use efficientnet_search::{Plan, PlanError, RuleName, Task};

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The sentence about the plan over `task` with one thing replaced.
fn with(task: &str, old: &str, new: &str) -> String {
    let text = text(task);
    assert!(text.contains(old), "{old}");
    refused(&text.replacen(old, new, 1))
}

#[test]
fn a_plan_survives_its_own_text() {
    for task in [
        COMPARE.to_string(),
        GRID.to_string(),
        "[evolve]\npopulation = 4\nsample = 2\nnetworks = 8".to_string(),
    ] {
        let plan = plan(&task);
        let again = parse(&plan.to_toml().unwrap()).unwrap();
        assert_eq!(again, plan);
        assert_eq!(again.hash().unwrap(), plan.hash().unwrap());
    }
}

#[test]
fn a_rule_is_a_name_or_bases() {
    let bases =
        plan(&COMPARE.replacen("\"compound\"\ncost", "{ alpha = 1.3, beta = 1.2, gamma = 1.0 }\ncost", 1));
    let Task::Compare(compare) = &bases.task else { panic!() };
    assert!(matches!(&compare.arm[0].rule, RuleName::Bases(rule) if rule.alpha() == 1.3));
    assert!(matches!(&compare.arm[1].rule, RuleName::Named(name) if name == "width"));
}

#[test]
fn what_changes_a_result_changes_the_hash_and_nothing_else_does() {
    let hash = |text: &str| parse(text).unwrap().hash().unwrap();
    let own = text(COMPARE);
    let base = hash(&own);
    let same =
        [("name = \"test\"", "name = \"other\"\nabout = \"x\""), ("name = \"width\"", "name = \"wide\"")];
    for (old, new) in same {
        assert_eq!(hash(&own.replacen(old, new, 1)), base, "{new}");
    }
    let others = [
        ("epochs = 9", "epochs = 8"),
        ("seeds = [0, 1]", "seeds = [0, 1, 2]"),
        ("flip(0.5)", "flip(0.4)"),
        ("epochs = 9", "epochs = 9\nset = [\"schedule.rate=0.2\"]"),
        ("cost = [2.0, 3.0]", "cost = [2.0, 3.5]"),
        ("rule = \"width\"", "rule = \"depth\""),
        ("name = \"test\"", "name = \"test\"\nmultiple = 4"),
        ("name = \"test\"", "name = \"test\"\ncost = \"params\""),
        ("tiny.toml", "efficientnet-b0"),
    ];
    for (old, new) in others {
        assert!(own.contains(old), "{old}");
        assert_ne!(hash(&own.replacen(old, new, 1)), base, "{new}");
    }
    // The content of a file counts, not its name.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("moved.toml"), TINY).unwrap();
    let moved = Plan::parse(&own.replace("tiny.toml", "moved.toml"), "", dir.path()).unwrap();
    assert_eq!(moved.hash().unwrap(), base);
    std::fs::write(dir.path().join("moved.toml"), TINY.replace("_o24", "_o32")).unwrap();
    let changed = Plan::parse(&own.replace("tiny.toml", "moved.toml"), "", dir.path()).unwrap();
    assert_ne!(changed.hash().unwrap(), base);
}

#[test]
fn keys_that_there_are_not_are_named_with_the_nearest() {
    assert_eq!(
        with(COMPARE, "epochs = 9", "epoch = 9"),
        "plan.toml, line 8, column 1: there is no `proxy.epoch`; did you mean `epochs`?"
    );
    assert_eq!(
        with(COMPARE, "rule = \"compound\"", "rules = \"compound\""),
        "plan.toml, line 14, column 1: there is no `compare.arm.rules`; did you mean `rule`?"
    );
    assert_eq!(
        with(COMPARE, "name = \"test\"", "name = \"test\"\nseeds = [1]"),
        "plan.toml, line 2, column 1: there is no `seeds`; did you mean `proxy.seeds`?"
    );
    let text = with(GRID, "step", "xyzzy");
    assert!(
        text.contains("there is no `coefficients.grid.xyzzy`; known here are step, tolerance, target"),
        "{text}"
    );
    let text = with(COMPARE, "rule = \"compound\"", "rule = { alfa = 1.2 }");
    assert!(text.ends_with("there is no `compare.arm.rule.alfa`; did you mean `alpha`?"), "{text}");
}

#[test]
fn what_is_missing_or_of_another_type_is_named() {
    let cases = [
        ("epochs = 9", "", "line 4, column 1: `proxy.epochs` is missing, and has no default"),
        (
            "epochs = 9",
            "epochs = \"9\"",
            "line 8, column 10: `proxy.epochs` is the text \"9\", but a whole number from 0 is expected",
        ),
        (
            "rule = \"compound\"",
            "rule = 3",
            "is the number `3`, but a rule's name or { alpha = 1.2, beta = 1.1, gamma = 1.15 } is expected",
        ),
        (
            "rule = \"compound\"",
            "rule = { alpha = -1, beta = 1, gamma = 1 }",
            "alpha is -1; it must be above 0 and up to 1000",
        ),
        (
            "name = \"test\"",
            "name = \"test\"\ncost = \"flops\"",
            "`cost` cannot be `flops`; it is one of `macs`, `params`, `activations`, `latency`",
        ),
        ("name = \"test\"", "name = ", "this is no TOML ("),
    ];
    for (old, new, expected) in cases {
        let found = with(COMPARE, old, new);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn a_plan_has_one_task() {
    let none = refused(&text(""));
    assert_eq!(
        none,
        "plan.toml: a plan has one of the tables `compare`, `coefficients` and `evolve`, and here is none"
    );
    let two = refused(&text(&format!("{COMPARE}\n{GRID}")));
    assert!(
        two.contains("a plan has exactly one of the tables `compare`, `coefficients` and `evolve`"),
        "{two}"
    );
    assert!(two.starts_with("plan.toml, line 2"), "{two}");
}

#[test]
fn numbers_that_cannot_be_are_refused_with_their_place() {
    let cases = [
        (
            "name = \"test\"",
            "name = \"../x\"",
            "line 1, column 8: `name` is `../x`; it has letters, digits, `-`, `_` and `.`",
        ),
        (
            "name = \"test\"",
            "name = \"test\"\nmultiple = 0",
            "line 2, column 12: `multiple` is 0; it must lie in 1 to 8192",
        ),
        ("epochs = 9", "epochs = 0", "line 8, column 10: `proxy.epochs` is 0; it must lie in 1 to 1000000"),
        ("seeds = [0, 1]", "seeds = []", "`proxy.seeds` is empty; each network is trained from at least one"),
        ("seeds = [0, 1]", "seeds = [1, 1]", "`proxy.seeds` has a seed twice"),
        (
            "cost = [2.0, 3.0]",
            "cost = [0.5]",
            "line 15, column 8: `compare.arm.cost` has 0.5; it holds multiples of what the line's start costs, so they are at least 1",
        ),
        ("cost = [2.0, 3.0]", "cost = [nan]", "`compare.arm.cost` has NaN; it holds multiples"),
        ("cost = [2.0, 3.0]", "phi = [inf]", "`compare.arm.phi` has inf, which is no finite number"),
        (
            "cost = [2.0, 3.0]",
            "factors = [{ depth = 0 }]",
            "`compare.arm.factors.depth` is 0; it must be a finite number above 0",
        ),
        ("cost = [2.0, 3.0]", "", "line `compound` needs exactly one of `phi`, `cost` and `factors`"),
        (
            "cost = [2.0, 3.0]",
            "cost = [2.0]\nphi = [1]",
            "line `compound` needs exactly one of `phi`, `cost` and `factors`",
        ),
        (
            "name = \"width\"",
            "name = \"compound\"",
            "`compare.arm.name` is `compound`; each line has a name of its own",
        ),
        (
            "rule = \"width\"",
            "rule = \"wide\"",
            "`compare.arm.rule` cannot be used: no scaling rule is called `wide`; there are compound, depth",
        ),
    ];
    for (old, new, expected) in cases {
        let found = with(COMPARE, old, new);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn strategies_that_cannot_be_are_refused() {
    let cases = [
        (
            "{ kind = \"halving\", eta = 1, min_epochs = 1 }",
            "`coefficients.strategy.eta` is 1; it must lie in 2 to 1000",
        ),
        (
            "{ kind = \"halving\", eta = 2, min_epochs = 10 }",
            "`coefficients.strategy.min_epochs` is 10; it must lie in 1 to 9",
        ),
        (
            "{ kind = \"random\", networks = 0 }",
            "`coefficients.strategy.networks` is 0; it must lie in 1 to 1000000",
        ),
        (
            "{ kind = \"halving\", eta = 2 }",
            "`coefficients.strategy.min_epochs` is missing, and has no default",
        ),
        ("{ kind = \"bayes\" }", "cannot be `bayes`; it is one of `full`, `random`, `halving`"),
    ];
    for (strategy, expected) in cases {
        let found = refused(&text(&format!("[coefficients]\nstrategy = {strategy}\n{GRID}")));
        assert!(found.contains(expected), "{found}");
    }
    let found = refused(&text(&format!("[coefficients]\nat_cost = 1\n{GRID}")));
    assert!(
        found.contains(
            "`coefficients.at_cost` is 1; it is a multiple of what the baseline costs, so it is above 1"
        ),
        "{found}"
    );
    let found = refused(&text("[evolve]\npopulation = 4\nsample = 5\nnetworks = 8"));
    assert!(found.contains("`evolve.sample` is 5; it must lie in 1 to 4"), "{found}");
    let found =
        refused(&text("[evolve]\npopulation = 4\nsample = 2\nnetworks = 8\n[evolve.space]\nkernel = []"));
    assert!(found.contains("`evolve.space.kernel` is empty; there is at least one choice"), "{found}");
}

#[test]
fn files_and_recipes_that_cannot_be_had_are_named() {
    let found = with(COMPARE, "tiny.toml", "huge.toml");
    assert!(
        found.contains("line 2, column 12: `baseline` cannot be had: ") && found.contains("huge.toml: "),
        "{found}"
    );
    let found = with(COMPARE, "tiny.toml", "efficientnet-b9");
    assert!(
        found.contains("`baseline` cannot be had: ") && found.contains("did you mean efficientnet-b0"),
        "{found}"
    );
    let found = with(COMPARE, "recipe = \"proxy\"", "recipe = \"proxi\"");
    assert!(
        found.contains("`proxy.recipe` cannot be had: no recipe is called `proxi`; did you mean proxy?"),
        "{found}"
    );
    let found = with(COMPARE, "epochs = 9", "epochs = 9\nset = [\"schedule.rtae=1\"]");
    assert!(
        found.contains("`proxy.set` cannot be applied: `schedule.rtae=1`: there is no `schedule.rtae`"),
        "{found}"
    );
    let found = with(COMPARE, "flip(0.5)", "flop(0.5)");
    assert!(found.contains("line 6, column 13: `proxy.transform` is no transform at 32 pixels: "), "{found}");
    let found = with(COMPARE, "epochs = 9", "epochs = 9\nset = [\"model.init=x.safetensors\"]");
    assert!(
        found.contains("`proxy.recipe` starts from weights (`model.init`), which fits one network only"),
        "{found}"
    );
    let error = Plan::open(Path::new("no/such/plan.toml")).unwrap_err();
    assert!(matches!(&error, PlanError::Read { .. }), "{error}");
    assert!(error.to_string().starts_with("no/such/plan.toml cannot be read as a plan: "), "{error}");
}

#[test]
fn recipes_have_the_sizes_of_their_networks() {
    let text = text(COMPARE).replace("flip(0.5)", "random_crop({size}, padding={size/8}) | flip(0.5)");
    let plan = parse(&text).unwrap();
    let recipe = plan.recipe_for(44).unwrap();
    assert_eq!((recipe.training.epochs, recipe.seed), (9, 0));
    let line = recipe.data.transform.to_string();
    assert!(line.contains("squash(44") && line.contains("random_crop(44, padding=6)"), "{line}");

    let strategy = plan.strategy(&lineup(&plan)).unwrap();
    let round = strategy.round(&Default::default()).unwrap().unwrap();
    let trial = round.trials.last().unwrap();
    let recipe = plan.recipe_of(trial).unwrap();
    assert_eq!((recipe.seed, recipe.training.epochs), (1, 9));
    assert_eq!(recipe.name, trial.id.to_string());
}

#[test]
fn the_recipes_constants_are_the_networks() {
    let set = "epochs = 9\nset = [\"model.dropout=0.3\", \"model.drop_path=0.4\", \"model.bn_momentum=0.2\", \"model.bn_epsilon=1e-4\"]";
    let plain = plan(COMPARE);
    let plan = parse(&text(COMPARE).replacen("epochs = 9", set, 1)).unwrap();
    let spec = plan.base();
    assert_eq!((spec.dropout, spec.baseline.drop_path), (0.3, 0.4));
    assert_eq!((spec.batch_norm.momentum, spec.batch_norm.epsilon), (0.2, 1e-4));
    assert!(spec.blocks().last().unwrap().drop_path > 0.2);
    let keys = |plan: &Plan| -> Vec<String> {
        lineup(plan).arms[0].members.iter().map(|member| member.network.to_string()).collect()
    };
    assert_ne!(keys(&plan), keys(&plain));
}
