"""One training step in PyTorch and in this workspace: the same network, size, batch and threads, side by side.

    pip install torch timm
    eval "$(cargo xtask env tch)"
    cargo build --release -p efficientnet-model --example training_step
    python scripts/benchmark_training.py [--rounds 5] [--devices flex] [--batch 8] [--size 224] [--threads 2]

A step is forward with cross entropy, backward, and gradient descent with momentum and weight decay, on random images; the
network is timm's EfficientNet-B0 against ours, in training mode, dropout and stochastic depth on in both, padded as timm's is (the
same on all sides; TensorFlow's way costs ATen a copy of each map that is halved). Each figure is the
median of a fresh process; processes of the sides alternate, and what is printed is the median, the least and the most of
them. `contiguous` is PyTorch's default layout, `channels_last` its faster one.

Versions: Python 3.11, torch 2.9.1, timm 1.0.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What a fresh process of PyTorch does.
PEER = """
import sys, time
import timm, torch
name, layout, batch, size, steps, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])
torch.set_num_threads(threads)
torch.manual_seed(1)
model = timm.create_model(name, pretrained=False, drop_rate=0.2, drop_path_rate=0.2).train()
x = torch.randn(batch, 3, size, size)
if layout == "channels_last":
    model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
labels = torch.arange(batch) * 37 % 1000
descent = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-5, foreach=True)
criterion = torch.nn.CrossEntropyLoss()
times = []
for step in range(steps + 2):
    marks = [time.perf_counter()]
    descent.zero_grad(set_to_none=True)
    loss = criterion(model(x), labels)
    marks.append(time.perf_counter())
    loss.backward()
    marks.append(time.perf_counter())
    descent.step()
    marks.append(time.perf_counter())
    if step >= 2:
        parts = [1e3 * (after - before) for before, after in zip(marks, marks[1:])]
        times.append([sum(parts), *parts])
medians = [sorted(column)[len(column) // 2] for column in zip(*times)]
names = ["median_ms", "forward_ms", "backward_ms", "update_ms"]
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(*(f"{name}={value:.1f}" for name, value in zip(names, medians)), f"peak_mib={peak / 1024:.0f}")
"""


def started(command, threads):
    """Runs a process and reads its `key=value` words."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    if threads == 1:
        command = ["taskset", "-c", str(os.cpu_count() - 1), *command]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return dict(word.split("=", 1) for word in output.split() if "=" in word)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--devices", nargs="+", default=["flex"])
    parser.add_argument("--paths", nargs="+", default=["fused", "composed"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--example", type=Path, default=target / "release/examples/training_step")
    arguments = parser.parse_args()

    def ours(device, path):
        words = {"device": device, "path": path, "batch": arguments.batch, "size": arguments.size}
        words |= {"steps": arguments.steps, "padding": "symmetric"}
        return [arguments.example, *(f"{key}={value}" for key, value in words.items())]

    def peer(layout):
        numbers = [arguments.batch, arguments.size, arguments.steps, arguments.threads]
        return [sys.executable, "-c", PEER, "efficientnet_b0", layout, *map(str, numbers)]

    sides = {f"PyTorch, {layout}": peer(layout) for layout in ("channels_last", "contiguous")}
    sides |= {f"{device}, {path}": ours(device, path) for device in arguments.devices for path in arguments.paths}
    found = {side: [] for side in sides}
    for _ in range(arguments.rounds):
        for side, command in sides.items():
            found[side].append(started(command, arguments.threads))
    reference = None
    print(f"{'':28} {'ms (least, most)':>24}  ratio  forward  backward  update  peak MiB")
    for side, runs in found.items():
        times = [float(run["median_ms"]) for run in runs]
        reference = reference or statistics.median(times)
        column = f"{statistics.median(times):10.1f} ({min(times):.1f}, {max(times):.1f})"
        parts = [statistics.median(float(run[f"{part}_ms"]) for run in runs) for part in ("forward", "backward", "update")]
        shares = f"{parts[0]:7.1f}  {parts[1]:8.1f}  {parts[2]:6.1f}"
        print(f"{side:28} {column:>24}  {statistics.median(times) / reference:5.2f}  {shares}  {runs[0]['peak_mib']:>8}")


if __name__ == "__main__":
    main()
