//! With LibTorch compiled in, the program finds it again where it was linked from.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-changed=build.rs");
    let unix = env::var_os("CARGO_CFG_UNIX").is_some();
    if let (true, Some(_), Ok(libtorch)) = (unix, env::var_os("CARGO_FEATURE_TCH"), env::var("LIBTORCH")) {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{libtorch}/lib");
    }
}
