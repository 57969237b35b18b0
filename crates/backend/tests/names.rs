//! Names parse, and a name that gives no device says what to type instead.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use efficientnet_backend::{Backend, BackendError, DeviceName, Selector, device};

fn parsed(name: &str) -> (Backend, Selector) {
    let DeviceName { backend, selector } = name.parse().unwrap();
    (backend, selector)
}

#[test]
fn names_of_devices() {
    assert_eq!(parsed("flex"), (Backend::Flex, Selector::Best));
    assert_eq!(parsed("tch"), (Backend::Tch, Selector::Best));
    assert_eq!(parsed("tch:cuda:1"), (Backend::Tch, Selector::Cuda(1)));
    assert_eq!(parsed("cuda:0"), (Backend::Cuda, Selector::Cuda(0)));
    assert_eq!(parsed("Wgpu:Discrete:2"), (Backend::Wgpu, Selector::Discrete(2)));
    assert_eq!(parsed("vulkan:cpu"), (Backend::Vulkan, Selector::Cpu));
    assert_eq!(parsed("cpu"), (Backend::Cpu, Selector::Best));
}

#[test]
fn mistakes_say_what_to_type() {
    let message = |name: &str| name.parse::<DeviceName>().unwrap_err().to_string();
    assert!(message("ndaray").contains("did you mean `ndarray`?"), "{}", message("ndaray"));
    assert!(message("libtorch").contains("did you mean `tch`?"));
    assert!(message("quantum").contains("known are flex, ndarray, tch"));
    assert_eq!(message("cuda:x"), "`cuda:x` names no device of cuda; write `cuda` or `cuda:N`");
    assert!(message("flex:0").contains("write `flex`"));
    assert!(message("").contains("no backend is called ``"));
}

#[test]
fn a_backend_that_is_not_compiled_in_is_named() {
    for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_compiled()) {
        let error = device(backend.name()).unwrap_err();
        assert_eq!(error, BackendError::NotCompiled { backend });
        assert!(error.to_string().contains("cargo xtask build --backends"), "{error}");
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error_and_no_panic() {
    for name in ["tch:cuda:63", "wgpu:discrete:63", "vulkan:virtual:63", "cuda:63"] {
        let error = device(name).unwrap_err();
        let known = matches!(error, BackendError::NotCompiled { .. } | BackendError::Unusable { .. });
        assert!(known, "{name}: {error}");
    }
}

#[test]
fn every_cpu_backend_in_this_binary_opens() {
    let opened = [Backend::Flex, Backend::NdArray].into_iter().filter(|backend| backend.is_compiled());
    for backend in opened {
        let device = device(backend.name()).unwrap();
        assert!(!device.is_autodiff(), "{backend}");
    }
}
