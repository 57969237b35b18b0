"""Loads what this project writes into the libraries that the names belong to, strictly.

    pip install torch torchvision timm efficientnet_pytorch keras safetensors
    cargo build --release -p efficientnet-weights --example convert
    python scripts/check_saved.py [TARGET_DIR]

Values must also arrive where they belong: two tensors of each network are compared with the rule of
`fixtures/synthetic.py` under our own names.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts/fixtures"))
import reference_names
import synthetic

CONVERT = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target") / "release/examples/convert"
LARGE = {"efficientnet-l2", "efficientnetv2-xl", "efficientnet-b8"}


def pytorch_model(library, name):
    if library == "timm":
        import timm

        return timm.create_model(name)
    if library == "torchvision":
        import torchvision

        return torchvision.models.get_model(name)
    from efficientnet_pytorch import EfficientNet

    return EfficientNet.from_name(name)


def stem_and_classifier(library, name, path):
    """The two tensors as the library holds them after loading, in PyTorch's order."""
    if library == "keras":
        import keras

        model = getattr(keras.applications, name)(weights=None)
        with safe_open(path, "np") as file:
            names = set(file.keys())
            for variable in model.variables:
                if variable.path.startswith(("normalization", "rescaling", "seed_generator")):
                    continue
                wanted = variable.path
                if wanted not in names:
                    wanted = wanted.replace("/kernel", "/depthwise_kernel")
                variable.assign(file.get_tensor(wanted))
                names.remove(wanted)
        assert not names, names
        weights = [variable for variable in model.trainable_variables if variable.path.endswith("/kernel")]
        first, last = (np.array(keras.ops.convert_to_numpy(weights[index])) for index in (0, -1))
        return first.transpose(3, 2, 0, 1), last.reshape(last.shape[-2:]).T
    model = pytorch_model(library, name)
    model.load_state_dict(load_file(path), strict=True)
    weights = [tensor for name, tensor in model.state_dict().items() if tensor.ndim in (2, 4)]
    return weights[0].numpy(), weights[-1].numpy()


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "saved.safetensors")
        for library, (models, _) in reference_names.LIBRARIES.items():
            for model, name in models():
                if model in LARGE:
                    continue
                subprocess.run([CONVERT, model, library, path], check=True)
                first, last = stem_and_classifier(library, name, path)
                assert np.array_equal(first, synthetic.tensor("stem.conv.weight", first.shape)), (library, name)
                assert np.array_equal(last, synthetic.tensor("classifier.weight", last.shape)), (library, name)
                print(library, name, "loads strictly", flush=True)


if __name__ == "__main__":
    main()
