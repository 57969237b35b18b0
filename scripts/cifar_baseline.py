"""A network of two convolutions on `cifar10-small`, to hold docs/results/cifar to. Run by hand:

    python scripts/cifar_baseline.py ../shared/assets/cifar10-small/train.tar ../shared/assets/cifar10-small/test.tar

The same images, crops and flips as `recipes/cifar.toml`, at 32 pixels; AdamW with a cosine over the epochs. Prints the
accuracy of every epoch and the processor time so far, of all threads.

Used with torch 2.9.1, pillow 13 and numpy 2.4.6.
"""

import argparse
import io
import tarfile
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F


def read(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels `[images, 3, 32, 32]` from -1 to 1, and labels, classes in the order of their names."""
    images, names = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.lower().endswith((".jpg", ".jpeg", ".png")):
                data = archive.extractfile(member).read()
                images.append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
                names.append(member.name.split("/")[-2])
    classes = sorted(set(names))
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(), torch.tensor([classes.index(name) for name in names])


def network(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, width, 5, padding=2), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 5, padding=2), nn.BatchNorm2d(2 * width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(2 * width * 64, 10),
    )  # fmt: skip


def augmented(images: torch.Tensor) -> torch.Tensor:
    """A crop from a border of four pixels and a flip, each image its own."""
    count = len(images)
    padded = F.pad(images, (4, 4, 4, 4), mode="constant", value=-1)
    rows, columns = torch.randint(0, 9, (2, count))
    index = torch.arange(32)
    picked = padded[
        torch.arange(count)[:, None, None, None],
        torch.arange(3)[None, :, None, None],
        (rows[:, None] + index)[:, None, :, None],
        (columns[:, None] + index)[:, None, None, :],
    ]
    return torch.where(torch.rand(count, 1, 1, 1) < 0.5, picked.flip(3), picked)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    (x, y), (test_x, test_y) = read(arguments.train), read(arguments.test)
    model, batch = network(arguments.width), 64
    steps = arguments.epochs * (len(x) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(1, arguments.epochs + 1):
        model.train()
        for rows in torch.randperm(len(x))[: len(x) // batch * batch].view(-1, batch):
            loss = F.cross_entropy(model(augmented(x[rows])), y[rows], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
        print(f"epoch {epoch}: top-1 {accuracy:.2%}, {time.process_time() / 60:.1f} processor minutes", flush=True)


if __name__ == "__main__":
    main()
