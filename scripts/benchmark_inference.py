"""EfficientNet-B0 in ONNX Runtime and in `efficientnet-kernels`: the same weights, the same images, side by side.

    pip install torch timm onnx onnxruntime
    cargo build --release -p efficientnet-kernels --example b0
    python scripts/benchmark_inference.py [--rounds 5] [--cases 1x1 2x1 1x16 2x16] [--size 224] [--isa avx2]

A case is threads x batch. Each figure is the median of a fresh process that measures for two seconds; processes of the two
alternate, and what is printed is the median, the least and the most of them. Processes of one thread are pinned to the
last core with `taskset`, those of more are free. Before that the logits are compared: random weights with the statistics
of a trained network's, batch normalisation included and folded here for our side.

Versions: Python 3.11, torch 2.9.1, timm 1.0, onnx 1.23, onnxruntime 1.32.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]


def network():
    """B0 with batch statistics that are not trivial."""
    import timm
    import torch

    torch.manual_seed(1)
    model = timm.create_model("efficientnet_b0", pretrained=False).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.6)
            module.bias.data.uniform_(-0.2, 0.2)
    return model


def folded(model):
    """Weights and biases in the order of the layers, normalisation folded in."""
    import torch

    def conv(layer, norm=None):
        weight = layer.weight.detach().double()
        bias = torch.zeros(len(weight)).double() if layer.bias is None else layer.bias.detach().double()
        if norm is not None:
            scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
            weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
            bias = (bias - norm.running_mean.double()) * scale + norm.bias.double()
        return [weight.detach().flatten(), bias.detach().flatten()]

    parts = conv(model.conv_stem, model.bn1)
    for block in (block for stage in model.blocks for block in stage):
        squeeze = conv(block.se.conv_reduce) + conv(block.se.conv_expand)
        if hasattr(block, "conv_pwl"):
            parts += conv(block.conv_pw, block.bn1) + conv(block.conv_dw, block.bn2) + squeeze
            parts += conv(block.conv_pwl, block.bn3)
        else:
            parts += conv(block.conv_dw, block.bn1) + squeeze + conv(block.conv_pw, block.bn2)
    parts += conv(model.conv_head, model.bn2) + conv(model.classifier)
    return torch.cat(parts).float().numpy()


def export(folder, size, batch):
    """Writes the network for both sides, and images."""
    import torch

    model = network()
    folded(model).tofile(folder / "weights.f32")
    images = np.random.default_rng(1).standard_normal((batch, 3, size, size), dtype=np.float32)
    images.tofile(folder / "images.f32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            torch.zeros(1, 3, size, size),
            folder / "b0.onnx",
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )


# What a fresh process of ONNX Runtime does.
PEER = """
import sys, time
import numpy as np, onnxruntime
folder, threads, batch, size, seconds = sys.argv[1], *map(float, sys.argv[2:6])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(folder + "/b0.onnx", options, providers=["CPUExecutionProvider"])
shape = (int(batch), 3, int(size), int(size))
x = np.fromfile(folder + "/images.f32", np.float32)[: np.prod(shape)].reshape(shape)
session.run(None, {"x": x})[0].tofile(folder + "/logits-peer.f32")
times, start = [], time.perf_counter()
while time.perf_counter() - start < seconds or len(times) < 5:
    begin = time.perf_counter()
    session.run(None, {"x": x})
    times.append(1e3 * (time.perf_counter() - begin))
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(f"median_ms={np.median(times):.3f} peak_mib={peak / 1024:.1f}")
"""


def started(command, threads, environment=None):
    """Runs a process and reads its `key=value` words."""
    if threads == 1:
        command = ["taskset", "-c", str(os.cpu_count() - 1), *command]
    environment = {**os.environ, **(environment or {})}
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return dict(word.split("=", 1) for word in output.split() if "=" in word)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=["1x1", "2x1", "1x16", "2x16"])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--isa", default=None)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--example", type=Path, default=target / "release/examples/b0")
    arguments = parser.parse_args()
    cases = [tuple(map(int, case.split("x"))) for case in arguments.cases]
    environment = {"EFFICIENTNET_ISA": arguments.isa} if arguments.isa else {}

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        export(folder, arguments.size, max(batch for _, batch in cases))

        def ours(threads, batch):
            words = {"threads": threads, "batch": batch, "size": arguments.size, "seconds": arguments.seconds}
            words |= {"weights": folder / "weights.f32", "input": folder / "images.f32"}
            words |= {"logits": folder / "logits.f32"}
            command = [arguments.example, *(f"{key}={value}" for key, value in words.items())]
            return started(command, threads, environment)

        def peer(threads, batch):
            numbers = [threads, batch, arguments.size, arguments.seconds]
            return started([sys.executable, "-c", PEER, folder, *map(str, numbers)], threads)

        print(f"{'threads':>7} {'batch':>5}  {'ours, ms (least, most)':>26}  {'ONNX Runtime, ms':>26}  ratio")
        for threads, batch in cases:
            times = {ours: [], peer: []}
            for _ in range(arguments.rounds):
                for side, found in times.items():
                    found.append(float(side(threads, batch)["median_ms"]))
            logits = [np.fromfile(folder / name, np.float32) for name in ("logits.f32", "logits-peer.f32")]
            error = np.abs(logits[0] - logits[1]).max() / np.abs(logits[1]).max()
            columns = [
                f"{statistics.median(found):10.2f} ({min(found):.2f}, {max(found):.2f})"
                for found in times.values()
            ]
            ratio = statistics.median(times[ours]) / statistics.median(times[peer])
            print(
                f"{threads:>7} {batch:>5}  {columns[0]:>26}  {columns[1]:>26}  {ratio:.3f}"
                f"   (logits differ by {error:.1e} of the largest)",
                flush=True,
            )
        # For memory neither side has read more than one image, ours no file.
        memory = started([arguments.example, "seconds=0.1", "threads=2"], 2, environment)["peak_mib"]
        print(f"peak memory, batch 1: ours {memory} MiB, ONNX Runtime with Python {peer(2, 1)['peak_mib']} MiB")


if __name__ == "__main__":
    main()
