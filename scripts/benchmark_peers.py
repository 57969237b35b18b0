"""The Python half of `cargo xtask bench --peers`, which starts it: networks for all sides, and PyTorch as one of them.

    pip install torch timm onnx onnxruntime
    python scripts/benchmark_peers.py check
    python scripts/benchmark_peers.py make efficientnet-b0 --resolution 224 --batches 1 16 --folder FOLDER
    python scripts/benchmark_peers.py torch efficientnet-b0 --weights W.safetensors --input X.npy --out LOGITS.npy

`check` says in JSON which packages are missing, and where ONNX Runtime's library is. `make` writes a network as ONNX and its
weights as safetensors in timm's naming, which `efficientnet measure --weights` reads, and images as `.npy`; what is there and
younger than this script stays. Weights are random, with the statistics of a trained network's, so that logits neither vanish
nor overflow and every normalisation has something to do. `torch` times PyTorch, eager, channels_last, in
`inference_mode`, and prints one JSON object with the names that `efficientnet measure --json` has.

Versions: Python 3.11, torch 2.9.1, timm 1.0, onnx 1.23, onnxruntime 1.32.
"""

import argparse
import importlib.util
import json
import os
import sys
import time
import warnings
from pathlib import Path

# Our names where timm's follow no rule. timm's `tf_` networks are not among them: they pad by an operation of its own, which
# would slow the other sides down for nothing.
NAMES = {
    "efficientnet-edgetpu-s": "efficientnet_es",
    "efficientnet-edgetpu-m": "efficientnet_em",
    "efficientnet-edgetpu-l": "efficientnet_el",
    "mobilenetv1": "mobilenetv1_100",
    "mobilenetv2": "mobilenetv2_100",
}


def timm_name(ours):
    """The name in timm of the same network."""
    return NAMES.get(ours, ours.replace("-", "_"))


def network(ours):
    """The network with batch statistics that are not trivial."""
    import timm
    import torch

    name = timm_name(ours)
    if not timm.is_model(name):
        sys.exit(f"error: timm has no network {name} to compare {ours} with; choose another by --models")
    torch.manual_seed(1)
    model = timm.create_model(name, pretrained=False).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.6)
            module.bias.data.uniform_(-0.2, 0.2)
    return model


def whole(path, write):
    """Has `write` write a file beside `path`, and renames it: a file appears whole or not at all."""
    part = path.with_name(f"part-{os.getpid()}-{path.name}")
    write(part)
    part.rename(path)


def fresh(path):
    """Whether the file is there and younger than this script."""
    return path.exists() and path.stat().st_mtime >= Path(__file__).stat().st_mtime


def make(arguments):
    """Writes what is missing of a network and its images."""
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    name = timm_name(arguments.model)
    side = arguments.resolution
    graph, weights = folder / f"{name}-{side}.onnx", folder / f"{name}.safetensors"
    images = {batch: folder / f"images-{side}-{batch}.npy" for batch in arguments.batches}
    for batch, path in images.items():
        if not fresh(path):
            import numpy as np

            values = np.random.default_rng(1).standard_normal((batch, 3, side, side), dtype=np.float32)
            whole(path, lambda part: np.save(part, values))
    if not (fresh(graph) and fresh(weights)):
        model = network(arguments.model)
        export(model, graph, side)
        from safetensors.torch import save_file

        state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
        whole(weights, lambda part: save_file(state, part))
    print(json.dumps({"onnx": str(graph), "weights": str(weights), "images": list(map(str, images.values()))}))


def export(model, path, side):
    """Writes the network as ONNX, for any batch, normalisation folded into the convolutions by the exporter."""
    import torch

    def write(part):
        torch.onnx.export(
            model,
            torch.zeros(1, 3, side, side),
            part,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole(path, write)


def measure(arguments):
    """Times PyTorch."""
    import numpy as np
    import timm
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(arguments.threads)
    model = timm.create_model(timm_name(arguments.model), pretrained=False).eval()
    model.load_state_dict(load_file(arguments.weights), strict=False)
    model = model.to(memory_format=torch.channels_last)
    x = torch.from_numpy(np.load(arguments.input)).contiguous(memory_format=torch.channels_last)

    def timed():
        begin = time.perf_counter()
        logits = model(x)
        return logits, 1e3 * (time.perf_counter() - begin)

    def repeated(seconds, least):
        until, times = time.perf_counter() + seconds, []
        while len(times) < least or time.perf_counter() < until:
            times.append(timed()[1])
        return sorted(times)

    with torch.inference_mode():
        logits, first = timed()
        np.save(arguments.out, logits.numpy())
        warmup = repeated(arguments.warmup_seconds, 0)
        times = repeated(arguments.seconds, 3)
    median = times[round((len(times) - 1) * 0.5)]
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peak = next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)
    measurement = {
        "device_description": f"PyTorch {torch.__version__}, channels_last, Python included",
        "threads": arguments.threads,
        "first_call_ms": first,
        "warmup_runs": len(warmup),
        "runs": len(times),
        "median_ms": median,
        "min_ms": times[0],
        "p10_ms": times[round((len(times) - 1) * 0.1)],
        "p90_ms": times[round((len(times) - 1) * 0.9)],
        "images_per_second": 1e3 * len(x) / median,
        "peak_rss_bytes": peak,
    }
    print(json.dumps(measurement))


def check(_arguments):
    """Prints which packages are missing, and ONNX Runtime's shared library."""
    wanted = ["torch", "timm", "onnx", "onnxruntime"]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    library = None
    if "onnxruntime" not in missing:
        folder = Path(importlib.util.find_spec("onnxruntime").origin).parent / "capi"
        patterns = ["libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll"]
        library = next((str(path) for pattern in patterns for path in sorted(folder.glob(pattern))), None)
    print(json.dumps({"missing": missing, "library": library}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    commands.add_parser("check").set_defaults(run=check)
    maker = commands.add_parser("make")
    maker.add_argument("model")
    maker.add_argument("--resolution", type=int, required=True)
    maker.add_argument("--batches", type=int, nargs="+", default=[1])
    maker.add_argument("--folder", type=Path, required=True)
    maker.set_defaults(run=make)
    timer = commands.add_parser("torch")
    timer.add_argument("model")
    timer.add_argument("--weights", type=Path, required=True)
    timer.add_argument("--input", type=Path, required=True)
    timer.add_argument("--out", type=Path, required=True)
    timer.add_argument("--threads", type=int, default=1)
    timer.add_argument("--seconds", type=float, default=2.0)
    timer.add_argument("--warmup-seconds", type=float, default=1.0)
    timer.set_defaults(run=measure)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
