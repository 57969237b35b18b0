"""Trains a small convolutional network and two linear ones on the built-in data set `shapes`, to show that it asks for the
first and is out of reach for the second. Run by hand:

    cargo run --release -p efficientnet-data --example shapes -- export target/shapes/train 5000 32 1
    cargo run --release -p efficientnet-data --example shapes -- export target/shapes/test 2000 32 2
    python scripts/shapes_cnn.py target/shapes/train target/shapes/test 32

Used with torch 2.9.1 and numpy 2.4.6.
"""

import argparse
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 10


def read(folder: pathlib.Path, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels `[images, 3, size, size]` from -1 to 1, and labels."""
    pixels = np.fromfile(folder / "pixels.bin", np.uint8).reshape(-1, size, size, 3)
    labels = np.fromfile(folder / "labels.bin", np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(), torch.from_numpy(labels).long()


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)
    )


def convolutional() -> nn.Module:
    """Four convolutions, about 0.1 million parameters."""
    return nn.Sequential(
        block(3, 32), block(32, 48), block(48, 64), block(64, 96),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, CLASSES),
    )  # fmt: skip


def linear(size: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, CLASSES))


def train(name: str, model: nn.Module, data, epochs: int, rate: float, decay: float) -> None:
    (x, y), (test_x, test_y) = data
    batch = 64
    steps = epochs * (len(x) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    start = time.time()
    for epoch in range(1, epochs + 1):
        model.train()
        for rows in torch.randperm(len(x))[: len(x) // batch * batch].view(-1, batch):
            images = x[rows]
            images = torch.where(torch.rand(batch, 1, 1, 1) < 0.5, images.flip(3), images)
            loss = F.cross_entropy(model(images), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            accuracy = [(model(a).argmax(1) == b).float().mean().item() for a, b in data]
        print(
            f"{name}: epoch {epoch}, train {accuracy[0]:.1%}, test {accuracy[1]:.1%}, {time.time() - start:.0f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("test", type=pathlib.Path)
    parser.add_argument("size", type=int)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    data = [read(options.train, options.size), read(options.test, options.size)]
    train("linear", linear(options.size), data, options.epochs, 1e-3, 0.01)
    mean = [(x.mean((2, 3)), y) for x, y in data]
    mean = [(x[:, :, None, None], y) for x, y in mean]
    train("mean colour", linear(1), mean, options.epochs, 1e-2, 0.0)
    train("convolutional", convolutional(), data, options.epochs, 5e-3, 0.05)


if __name__ == "__main__":
    main()
