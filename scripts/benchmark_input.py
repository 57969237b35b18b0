"""Times our input pipeline against torchvision's on the same files, one process and one core each, in turns.

    cargo build --release -p efficientnet-data --example throughput
    python scripts/benchmark_input.py FOLDER [--binary target/release/examples/throughput] [--rounds 15] [--core 1]

Both sides do the same: open the file, decode, random resized crop of 224 (bicubic), flip, normalise. Torchvision 0.24.1,
Pillow 13.0.0 and torch 2.9.1 on one thread are what the figures in docs/input.md were made with. There are two rows of
torchvision: its own `RandomResizedCrop`, whose crops are larger than ours (the official code draws the area in another
way), and the same windows and flips as ours. One round of each follows the other, so that whatever else runs on the
machine slows them alike, and rates are given by the clock and by the processor's time of the process, which waits for
nobody else; ours includes the start of the program and the first epoch. `--large` adds photographs scaled up to 4000
pixels, made in a temporary folder.

Before anything is timed, the pixels of the same windows are compared; the script stops if any level differs.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BICUBIC = transforms.InterpolationMode.BICUBIC
NOTE = re.compile(r"random_resized_crop: (\d+) x (\d+) at (\d+), (\d+)")
LINE = "{decode} | random_resized_crop(224, 0.08..1, 3/4..4/3) | flip(0.5) | normalize(imagenet)"


EPOCHS = 4


def ours(arguments, folder, *options):
    """Images a second by the clock (median of a few epochs) and by the processor's time of the whole process."""
    command = [arguments.binary, str(folder), "--rounds", str(EPOCHS), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    images = EPOCHS * sum(path.is_file() for path in Path(folder).rglob("*"))
    return statistics.median(float(line.split()[0]) for line in out.splitlines()), images / used


def windows(arguments, folder):
    """What is drawn for each file: (left, top, width, height) and whether it is flipped."""
    command = [arguments.binary, str(folder), "--windows"]
    drawn = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        name, notes = line.split("\t")
        width, height, x, y = map(int, NOTE.search(notes).groups())
        drawn[name] = (x, y, width, height), "flip" in notes.split("; ")
    return drawn


def same(path, drawn):
    (x, y, width, height), flip = drawn[path]
    image = Image.open(path).convert("RGB")
    image = functional.resized_crop(image, y, x, height, width, [224, 224], BICUBIC)
    return functional.hflip(image) if flip else image


def rate(work, paths):
    """Images a second by the clock and by the processor's time."""
    start, used = time.perf_counter(), time.process_time()
    for path in paths:
        work(path)
    return len(paths) / (time.perf_counter() - start), len(paths) / (time.process_time() - used)


def compare(arguments, folder, paths, drawn):
    """The pixels of the same windows, which the example writes with --pixels."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([arguments.binary, str(folder), "--pixels", file.name], check=True)
        levels = Path(file.name).read_bytes()
    differ = 0
    for index, path in enumerate(paths):
        differ += same(path, drawn).tobytes() != levels[index * 150528 : (index + 1) * 150528]
    print(f"images with a level that differs from torchvision's in the same window: {differ} of {len(paths)}")
    if differ:
        raise SystemExit(1)


def measure(arguments, folder, title):
    paths = sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
    drawn = windows(arguments, folder)
    compare(arguments, folder, paths, drawn)
    own = transforms.Compose(
        [
            transforms.RandomResizedCrop(224, interpolation=BICUBIC),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    values = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    sides = {
        "torchvision": lambda: rate(lambda path: own(Image.open(path).convert("RGB")), paths),
        "torchvision, our windows": lambda: rate(lambda path: values(same(path, drawn)), paths),
        "ours": lambda: ours(arguments, folder),
        "ours, `decode(scaled=true)`": lambda: ours(
            arguments, folder, "--line", LINE.format(decode="decode(scaled=true)")
        ),
    }
    rates = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            rates[name].append(side())
    report(title, rates)


def report(title, rates):
    head = ["images/s", "lowest to highest", "images per processor second", "times torchvision", "times, our windows"]
    print(f"\n| {title} | {' | '.join(head)} |")
    print("|---|" + "---:|" * len(head))
    for name, turns in rates.items():
        clock, used = zip(*turns)
        ratios = [
            statistics.median(one / other for one, (_, other) in zip(used, rates[base]))
            for base in ("torchvision", "torchvision, our windows")
        ]
        spread = f"{min(clock):.0f} to {max(clock):.0f}"
        numbers = f"{statistics.median(clock):.0f} | {spread} | {statistics.median(used):.0f}"
        print(f"| {name} | {numbers} | {ratios[0]:.2f} | {ratios[1]:.2f} |", flush=True)


def scaling(arguments):
    """One thread against two, in turns, on every core of the machine."""
    os.sched_setaffinity(0, arguments.all_cores)
    rates = {"1": [], "2": []}
    for _ in range(arguments.rounds):
        for threads, rate in rates.items():
            rate.append(ours(arguments, arguments.folder, "--threads", threads)[0])
    ratio = statistics.median(two / one for one, two in zip(rates["1"], rates["2"]))
    medians = [statistics.median(rate) for rate in rates.values()]
    print(f"\n1 thread {medians[0]:.0f} images/s, 2 threads {medians[1]:.0f}: {ratio:.2f} times (median of the turns)")


def enlarge(folder, target):
    """The first ten photographs with a long side of 4000 pixels, quality 90."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())[:10]
    for path in paths:
        image = Image.open(path).convert("RGB")
        factor = 4000 / max(image.size)
        size = [round(side * factor) for side in image.size]
        image.resize(size, Image.Resampling.BICUBIC).save(Path(target) / f"{path.stem}.jpg", quality=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--binary", default="target/release/examples/throughput")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    arguments.all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {arguments.core})
    torch.set_num_threads(1)
    measure(arguments, arguments.folder, "the files as they are")
    if arguments.large:
        with tempfile.TemporaryDirectory() as target:
            enlarge(arguments.folder, target)
            measure(arguments, target, "ten of them at 4000 pixels")
    scaling(arguments)


if __name__ == "__main__":
    main()
