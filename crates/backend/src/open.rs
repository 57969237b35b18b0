//! A name becomes a device that has answered once.

use std::panic::{self, AssertUnwindSafe};

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor};

use crate::{Backend, BackendError, DeviceName, Selector};

/// The device with this name, such as `flex`, `tch:cuda:0` or `wgpu`.
///
/// # Errors
/// [`BackendError`] where no backend has the name, it is not compiled in, or the machine cannot serve it.
pub fn device(name: &str) -> Result<Device, BackendError> {
    open(name.parse()?, name)
}

/// The device of a parsed name. `asked` is how the user wrote it, for the error.
///
/// # Errors
/// [`BackendError::NotCompiled`] and [`BackendError::Unusable`].
pub fn open(name: DeviceName, asked: &str) -> Result<Device, BackendError> {
    let DeviceName { backend, selector } = name;
    if !backend.is_compiled() {
        return Err(BackendError::NotCompiled { backend });
    }
    let unusable = |reason| BackendError::Unusable { name: asked.to_string(), backend, reason };
    // The drivers behind these constructors report a missing device by panicking, some of them only at the first use.
    let answer = quietly(|| {
        let device = construct(backend, selector)?;
        if !matches!(backend, Backend::Flex | Backend::NdArray) {
            probe(&device)?;
        }
        Ok(device)
    });
    answer.map_err(unusable)
}

/// What a device is, for people: the adapter's name where the backend knows it.
pub fn description(device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda", feature = "cpu"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    format!("{:?}", device.as_dispatch())
}

/// How many threads the CPU backends use: `RAYON_NUM_THREADS`, or as many as the machine offers.
pub fn threads() -> usize {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    asked.filter(|threads| *threads > 0).unwrap_or(available)
}

/// A small convolution whose result is known. Some drivers fail at the first kernel; some (SwiftShader with SPIR-V
/// kernels) run every kernel and put out nonsense.
fn probe(device: &Device) -> Result<(), String> {
    let image = Tensor::<1, Int>::arange(0..16, device).float().reshape([1, 1, 4, 4]);
    let window = Tensor::<4>::ones([1, 1, 3, 3], device);
    let sums = conv2d(image, window, None, ConvOptions::new([1, 1], [0, 0], [1, 1], 1)).into_data();
    let sums =
        sums.try_to_vec::<f32>().map_err(|error| format!("a first result cannot be read ({error:?})"))?;
    match sums == [45.0, 54.0, 81.0, 90.0] {
        true => Ok(()),
        false => Err(format!("a first convolution came out as {sums:?} and not as [45, 54, 81, 90]")),
    }
}

/// Turns a panic of the driver into its message, and keeps it off the terminal.
fn quietly<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(hook);
    outcome.unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()));
        let text = text.unwrap_or_else(|| "its driver failed without a message".to_string());
        Err(text.lines().next().unwrap_or_default().trim().to_string())
    })
}

/// The backends of Burn 0.22 that its next release no longer has stand here alone.
#[cfg(any(feature = "ndarray", feature = "tch"))]
#[allow(deprecated)]
fn retired(backend: Backend, selector: Selector) -> Result<Device, String> {
    match (backend, selector) {
        #[cfg(feature = "ndarray")]
        (Backend::NdArray, _) => Ok(Device::ndarray()),
        #[cfg(feature = "tch")]
        (Backend::Tch, Selector::Cuda(index)) => {
            let count = Device::enumerate(burn::tensor::DeviceType::LibTorch).into_vec().len();
            if index < count {
                Ok(Device::libtorch_cuda(index))
            } else {
                Err(format!("LibTorch sees {count} CUDA devices"))
            }
        }
        #[cfg(feature = "tch")]
        (Backend::Tch, Selector::Mps) if cfg!(target_os = "macos") => Ok(Device::libtorch_mps()),
        #[cfg(feature = "tch")]
        (Backend::Tch, Selector::Mps) => Err("Metal exists on macOS only".to_string()),
        #[cfg(feature = "tch")]
        (Backend::Tch, _) => Ok(Device::libtorch()),
        _ => Err(format!("{backend} is not one of the retired backends")),
    }
}

fn construct(backend: Backend, selector: Selector) -> Result<Device, String> {
    match backend {
        #[cfg(feature = "flex")]
        Backend::Flex => Ok(Device::flex()),
        #[cfg(any(feature = "ndarray", feature = "tch"))]
        Backend::NdArray | Backend::Tch => retired(backend, selector),
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => adapter(selector, burn::tensor::DeviceType::Wgpu, Device::wgpu),
        #[cfg(feature = "vulkan")]
        Backend::Vulkan => adapter(selector, burn::tensor::DeviceType::Vulkan, Device::vulkan),
        #[cfg(feature = "cuda")]
        Backend::Cuda => {
            let index = if let Selector::Cuda(index) = selector { index } else { 0 };
            Ok(Device::cuda(index))
        }
        #[cfg(feature = "cpu")]
        Backend::Cpu => Ok(Device::cpu()),
        #[allow(unreachable_patterns)] // reachable unless every feature is on
        _ => {
            let _ = selector;
            Err("it is not compiled in".to_string())
        }
    }
}

/// An adapter of wgpu. Left to choose, it takes a GPU before a software adapter; Burn itself would not take the latter.
#[cfg(feature = "wgpu")]
fn adapter(
    selector: Selector,
    api: burn::tensor::DeviceType,
    make: fn(burn::tensor::DeviceKind) -> Device,
) -> Result<Device, String> {
    use burn::tensor::DeviceKind;
    let found = Device::enumerate(api).into_vec();
    let software = make(DeviceKind::Cpu);
    let wanted = match selector {
        Selector::Discrete(index) => make(DeviceKind::DiscreteGpu(index)),
        Selector::Integrated(index) => make(DeviceKind::IntegratedGpu(index)),
        Selector::Virtual(index) => make(DeviceKind::VirtualGpu(index)),
        Selector::Cpu => software,
        _ => found.iter().find(|device| **device != software).cloned().unwrap_or(software),
    };
    match found.contains(&wanted) {
        true => Ok(wanted),
        false if found.is_empty() => {
            Err("no graphics adapter was found (`cargo xtask setup wgpu` installs a software one)"
                .to_string())
        }
        false => Err(format!("of that kind and number there is none among {} adapters", found.len())),
    }
}
