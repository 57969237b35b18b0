"""What 8 and 7 bits cost MobileNetV2's answers: quantisation simulated in f32, on the 100 photographs. Run by hand:

    python scripts/quantise_mobilenetv2.py [WEIGHTS] [PHOTOGRAPHS]

by default `../shared/assets/mobilenetv2/mobilenet_v2_1.0_224_folded.safetensors` and `../shared/assets/imagenet-samples`
beside the repository. Weights are symmetric with a scale for each output channel, 127 or 63 steps to each side ("pairs":
as many as keep the products of two neighbours within 16 bits, 63 to 127); activations are unsigned with a zero point for
each tensor, 255 or 127 steps. Ranges of the activations are taken from every second photograph, the least and the most or
a percentile of all numbers; the other half is unseen. Biases and sums stay f32. "1x1" is without the classifier.

For each way: top-1 on the unseen half and on all, how many answers are those of f32, and how far the logits are from
f32's, root mean square over root mean square.

Used with torch 2.9.1, pillow 13 and numpy 2.4.6.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

ASSETS = Path(__file__).parents[2] / "shared/assets"
# Stride of each block, with which the file does not come.
STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]


def photographs(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Short side to 256, the centre's 224 pixels, from -1 to 1; and classes, 0 the background."""
    order = (folder / "wnids.txt").read_text().split()
    images, labels = [], []
    for path in sorted(folder.glob("images/*/*")):
        image = Image.open(path).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BICUBIC)
        left, top = ((side - 224) // 2 for side in image.size)
        images.append(np.asarray(image.crop((left, top, left + 224, top + 224))))
        labels.append(order.index(path.parent.name) + 1)
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last), torch.tensor(labels)


class Ranges:
    """The least and the most of what comes in and goes out, by name of the tensor."""

    def __init__(self, percentile: float | None):
        self.percentile = percentile
        self.found: dict[str, list[tuple[float, float]]] = {}

    def note(self, name: str, x: torch.Tensor) -> torch.Tensor:
        if self.percentile is None:
            low, high = x.min().item(), x.max().item()
        else:
            low, high = np.percentile(x.numpy(), [100 - self.percentile, self.percentile])
        self.found.setdefault(name, []).append((float(low), float(high)))
        return x

    def of(self, name: str) -> tuple[float, float]:
        """Zero is always in it: it is what borders are filled with. Percentiles are the batches' mean."""
        lows, highs = zip(*self.found[name])
        if self.percentile is None:
            return min(*lows, 0), max(*highs, 0)
        return min(float(np.mean(lows)), 0), max(float(np.mean(highs)), 0)


def rounded(weight: torch.Tensor, bits: str) -> torch.Tensor:
    most = 63 if bits == "7" else 127
    scale = weight.abs().amax(dim=(1, 2, 3), keepdim=True) / most
    if bits == "pairs" and weight[0].numel() % 2 == 0:
        # 255 times the sum of two neighbours of one sign fits 16 bits up to 128; one is left for what rounding adds.
        for sign in (1, -1):
            both = (sign * weight).clamp_min(0).flatten(1).unflatten(1, (-1, 2)).sum(-1)
            scale = torch.maximum(scale, both.amax(1).view(-1, 1, 1, 1) / 127)
    scale = scale.clamp_min(1e-12)
    return (weight / scale).round().clamp(-most, most) * scale


class Quantised:
    """Rounds what comes into the chosen convolutions, and their weights."""

    def __init__(self, ranges: Ranges, weight_bits: str, activation_bits: int, everything: bool):
        self.ranges, self.everything = ranges, everything
        self.weight_bits, self.levels = weight_bits, 2**activation_bits - 1
        self.weights: dict[str, torch.Tensor] = {}

    def chosen(self, name: str) -> bool:
        return self.everything or name.endswith(("expand", "project")) or name == "head"

    def weight(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        if not self.chosen(name):
            return weight
        if name not in self.weights:
            self.weights[name] = rounded(weight, self.weight_bits)
        return self.weights[name]

    def activation(self, name: str, tensor: str, x: torch.Tensor) -> torch.Tensor:
        if not self.chosen(name):
            return x
        low, high = self.ranges.of(tensor)
        scale = max(high - low, 1e-12) / self.levels
        zero = round(-low / scale)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, self.levels)


class Network:
    def __init__(self, tensors: dict[str, torch.Tensor]):
        self.tensors = tensors

    def conv(self, x, name, tensor, way, stride=1, act=True):
        """TensorFlow's SAME: the odd zero is below and at the right. `tensor` is the name of what comes in."""
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        if isinstance(way, Ranges):
            way.note(tensor, x)
        elif way is not None:
            x, weight = way.activation(name, tensor, x), way.weight(name, weight)
        total = max((-(-x.shape[-1] // stride) - 1) * stride + weight.shape[-1] - x.shape[-1], 0)
        x = F.pad(x, [total // 2, total - total // 2] * 2)
        x = F.conv2d(x, weight, bias, stride, groups=x.shape[1] // weight.shape[1])
        return x.clamp(0, 6) if act else x

    def __call__(self, x: torch.Tensor, way: Ranges | Quantised | None) -> torch.Tensor:
        """Logits, the background's first."""
        x = self.conv(x, "stem", "image", way, 2)
        before = "stem"
        for index, stride in enumerate(STRIDES):
            block = f"block{index}"
            y, tensor = x, before
            if f"{block}.expand.weight" in self.tensors:
                y, tensor = self.conv(y, f"{block}.expand", tensor, way), f"{block}.expand"
            y = self.conv(y, f"{block}.depthwise", tensor, way, stride)
            y = self.conv(y, f"{block}.project", f"{block}.depthwise", way, act=False)
            x = x + y if x.shape == y.shape else y
            before = f"{block}.out"
        x = self.conv(x, "head", before, way)
        x = self.conv(x.mean(dim=(2, 3), keepdim=True), "classifier", "mean", way, act=False)
        return x.flatten(1)


def logits(network: Network, images: torch.Tensor, way) -> torch.Tensor:
    return torch.cat([network(batch, way) for batch in images.split(10)])


def main() -> None:
    parser = argparse.ArgumentParser()
    weights = ASSETS / "mobilenetv2/mobilenet_v2_1.0_224_folded.safetensors"
    parser.add_argument("weights", nargs="?", type=Path, default=weights)
    parser.add_argument("photographs", nargs="?", type=Path, default=ASSETS / "imagenet-samples")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    network = Network(load_file(arguments.weights))
    images, labels = photographs(arguments.photographs)
    unseen = torch.arange(len(images)) % 2 == 1
    exact = logits(network, images, None)

    def row(way: str, found: torch.Tensor) -> None:
        right = found.argmax(1) == labels
        same = found.argmax(1) == exact.argmax(1)
        off = (found - exact).square()
        change = [(off[which].mean() / exact[which].square().mean()).sqrt() for which in (unseen, ...)]
        print(
            f"{way:<68}{right[unseen].sum():>4}/{unseen.sum()} {right.sum():>4}/{len(right)}"
            f"{same[unseen].sum():>6}/{unseen.sum()} {same.sum():>4}/{len(same)}{change[0]:>9.2%}{change[1]:>8.2%}",
            flush=True,
        )

    print(f"{'':<68}top-1: unseen, all; as f32: unseen, all; logits: unseen, all")
    row("f32", exact)
    for name, percentile in [("least and most", None), ("99.99 %", 99.99), ("99.9 %", 99.9)]:
        ranges = Ranges(percentile)
        logits(network, images[~unseen], ranges)
        for everything in (False, True):
            for weight_bits, activation_bits in [("8", 8), ("pairs", 8), ("7", 8), ("7", 7)]:
                way = Quantised(ranges, weight_bits, activation_bits, everything)
                which = "all convolutions" if everything else "1x1"
                row(
                    f"{which}, weights {weight_bits}, activations {activation_bits} bits, {name}",
                    logits(network, images, way),
                )


if __name__ == "__main__":
    main()
