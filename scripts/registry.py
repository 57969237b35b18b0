"""Writes crates/weights/registry.toml from what timm, torchvision and efficientnet_pytorch say about their weights.

    pip install torch torchvision timm efficientnet_pytorch
    python scripts/registry.py

Address, licence and preprocessing are each library's own; padding and epsilon are read off a network that the library
builds (on the `meta` device, without values). A hash is the one in the file's name (`NAME-0123abcd.pth`, the first 8 digits
of the SHA-256, the convention of torch.hub). Nothing is downloaded.
"""

import math
import re
from pathlib import Path

import torch

REGISTRY = Path(__file__).parents[1] / "crates/weights/registry.toml"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
INCEPTION = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
RESNETS = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
V1 = [f"b{n}" for n in range(9)] + ["l2"]

# Top-1 of timm's own evaluation, `results/results-imagenet.csv` of huggingface/pytorch-image-models (0173a139).
TIMM_TOP1 = """
tf_efficientnet_l2.ns_jft_in1k 88.352   tf_efficientnet_l2.ns_jft_in1k_475 88.234
tf_efficientnet_b0.ns_jft_in1k 78.670   tf_efficientnet_b0.ap_in1k 77.090   tf_efficientnet_b0.aa_in1k 76.834
tf_efficientnet_b1.ns_jft_in1k 81.394   tf_efficientnet_b1.ap_in1k 79.280   tf_efficientnet_b1.aa_in1k 78.830
tf_efficientnet_b2.ns_jft_in1k 82.378   tf_efficientnet_b2.ap_in1k 80.308   tf_efficientnet_b2.aa_in1k 80.084
tf_efficientnet_b3.ns_jft_in1k 84.056   tf_efficientnet_b3.ap_in1k 81.826   tf_efficientnet_b3.aa_in1k 81.644
tf_efficientnet_b4.ns_jft_in1k 85.162   tf_efficientnet_b4.ap_in1k 83.250   tf_efficientnet_b4.aa_in1k 83.018
tf_efficientnet_b5.ns_jft_in1k 86.088   tf_efficientnet_b5.ap_in1k 84.258   tf_efficientnet_b5.aa_in1k 83.688
tf_efficientnet_b6.ns_jft_in1k 86.456   tf_efficientnet_b6.ap_in1k 84.786   tf_efficientnet_b6.aa_in1k 84.116
tf_efficientnet_b7.ns_jft_in1k 86.840   tf_efficientnet_b7.ap_in1k 85.122   tf_efficientnet_b7.aa_in1k 84.414
tf_efficientnet_b0.in1k 76.532          tf_efficientnet_b1.in1k 78.560      tf_efficientnet_b2.in1k 79.604
tf_efficientnet_b3.in1k 80.878          tf_efficientnet_b4.in1k 82.608      tf_efficientnet_b5.in1k 83.176
tf_efficientnet_b5.ra_in1k 83.810       tf_efficientnet_b7.ra_in1k 84.932   tf_efficientnet_b8.ra_in1k 85.368
tf_efficientnet_b8.ap_in1k 85.364       efficientnet_b0.ra_in1k 77.694      efficientnet_b1.ft_in1k 78.800
efficientnet_b2.ra_in1k 80.610          efficientnet_b3.ra2_in1k 82.242     efficientnet_b4.ra2_in1k 83.414
efficientnet_b5.sw_in12k_ft_in1k 85.892
tf_efficientnet_lite0.in1k 74.830       tf_efficientnet_lite1.in1k 76.644   tf_efficientnet_lite2.in1k 77.464
tf_efficientnet_lite3.in1k 79.808       tf_efficientnet_lite4.in1k 81.532   efficientnet_lite0.ra_in1k 75.480
tf_efficientnet_es.in1k 76.600          tf_efficientnet_em.in1k 78.122      tf_efficientnet_el.in1k 80.252
efficientnet_es.ra_in1k 78.054          efficientnet_em.ra2_in1k 79.240     efficientnet_el.ra_in1k 81.312
efficientnet_es_pruned.in1k 75.014      efficientnet_el_pruned.in1k 80.300
tf_efficientnetv2_b0.in1k 78.358        tf_efficientnetv2_b1.in1k 79.462    tf_efficientnetv2_b2.in1k 80.194
tf_efficientnetv2_b3.in1k 81.970        tf_efficientnetv2_b3.in21k_ft_in1k 82.670
tf_efficientnetv2_s.in1k 83.900         tf_efficientnetv2_m.in1k 85.204     tf_efficientnetv2_l.in1k 85.664
tf_efficientnetv2_s.in21k_ft_in1k 84.288                                    tf_efficientnetv2_m.in21k_ft_in1k 86.000
tf_efficientnetv2_l.in21k_ft_in1k 86.802                                    tf_efficientnetv2_xl.in21k_ft_in1k 86.748
mobilenetv2_100.ra_in1k 72.976
resnet18.a1_in1k 73.158                 resnet18.a2_in1k 72.372             resnet18.a3_in1k 68.254
resnet18.gluon_in1k 70.838              resnet18.tv_in1k 69.760             resnet18.fb_swsl_ig1b_ft_in1k 73.282
resnet18.fb_ssl_yfcc100m_ft_in1k 72.594
resnet34.a1_in1k 77.918                 resnet34.a2_in1k 77.158             resnet34.a3_in1k 72.970
resnet34.bt_in1k 76.480                 resnet34.gluon_in1k 74.578
resnet50.a1_in1k 81.214                 resnet50.a1h_in1k 80.676            resnet50.a2_in1k 80.772
resnet50.a3_in1k 78.048                 resnet50.am_in1k 78.998             resnet50.b1k_in1k 80.706
resnet50.b2k_in1k 80.454                resnet50.bt_in1k 79.640             resnet50.c1_in1k 80.912
resnet50.c2_in1k 80.870                 resnet50.d_in1k 80.972              resnet50.fb_ssl_yfcc100m_ft_in1k 79.234
resnet50.fb_swsl_ig1b_ft_in1k 81.182    resnet50.gluon_in1k 77.580          resnet50.ra_in1k 79.836
resnet50.ram_in1k 79.976                resnet50.tv2_in1k 80.850            resnet50.tv_in1k 76.130
resnet101.a1_in1k 82.322                resnet101.a1h_in1k 82.778           resnet101.a2_in1k 82.236
resnet101.a3_in1k 79.814                resnet101.gluon_in1k 79.310         resnet101.tv2_in1k 81.890
resnet101.tv_in1k 77.376
resnet152.a1_in1k 82.732                resnet152.a1h_in1k 83.450           resnet152.a2_in1k 82.608
resnet152.a3_in1k 80.546                resnet152.gluon_in1k 79.694         resnet152.tv2_in1k 82.288
resnet152.tv_in1k 78.322
""".split()
TIMM_TOP1 = {name: float(top1) for name, top1 in zip(TIMM_TOP1[::2], TIMM_TOP1[1::2])}


def timm_models():
    """(our name, timm's name), for each of ours the usual one first."""
    for v in V1 + [f"lite{n}" for n in range(5)]:
        yield from ((f"efficientnet-{v}", f"{tf}efficientnet_{v}") for tf in ("", "tf_"))
    for v in "sml":
        yield from ((f"efficientnet-edgetpu-{v}", f"{tf}efficientnet_e{v}") for tf in ("", "tf_"))
        yield (f"efficientnet-edgetpu-{v}", f"efficientnet_e{v}_pruned")
    for v in [f"b{n}" for n in range(4)] + ["s", "m", "l", "xl"]:
        yield from ((f"efficientnetv2-{v}", f"{tf}efficientnetv2_{v}") for tf in ("", "tf_"))
    yield from (("mobilenetv1", "mobilenetv1_100"), ("mobilenetv2", "mobilenetv2_100"))
    yield from ((name, name) for name in RESNETS)


def torchvision_models():
    yield from ((f"efficientnet-b{n}", f"efficientnet_b{n}") for n in range(8))
    yield from ((f"efficientnetv2-{v}", f"efficientnet_v2_{v}") for v in "sml")
    yield ("mobilenetv2", "mobilenet_v2")
    yield from ((name, name) for name in RESNETS)


def normalize(mean, std):
    mean, std = tuple(mean), tuple(std)
    if (mean, std) == IMAGENET:
        return "normalize(imagenet)"
    if (mean, std) == INCEPTION:
        return "normalize(inception)"
    numbers = lambda values: "[" + ", ".join(f"{value:g}" for value in values) + "]"
    return f"normalize(mean={numbers(mean)}, std={numbers(std)})"


def pipeline(*steps):
    return " | ".join(["decode", *steps])


def constants(model):
    """(padding, epsilon) of a network, read off its layers."""
    norms = {module.eps for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)}
    convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    same = {"Same" in type(module).__name__ for module in convolutions if module.stride[0] > 1}
    assert len(norms) == 1 and len(same) == 1, (norms, same)
    return ("same" if same.pop() else "symmetric"), norms.pop()


def published_hash(url):
    found = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", url)
    return found.group(1) if found else None


def timm_rows():
    import timm

    for model, architecture in timm_models():
        if not timm.is_model(architecture):
            continue
        tags = [name for name in timm.list_models(architecture + ".*", pretrained=True)]
        default = timm.get_pretrained_cfg(architecture)
        if not tags:
            continue
        with torch.device("meta"):
            padding, epsilon = constants(timm.create_model(architecture))
        tags.sort(key=lambda name: name != f"{architecture}.{default.tag}")
        for tag in tags:
            cfg = timm.get_pretrained_cfg(tag)
            if cfg.num_classes == 0:
                continue  # features only
            url = cfg.url if cfg.url and published_hash(cfg.url) else None
            if not url:
                assert cfg.hf_hub_id, tag
                url = f"https://huggingface.co/{cfg.hf_hub_id}/resolve/main/model.safetensors"
            data = timm.data.resolve_data_config(pretrained_cfg=cfg.to_dict(), use_test_size=True)
            size = data["input_size"][1]
            scaled = math.floor(size / data["crop_pct"])
            filter = data["interpolation"]
            steps = {
                "center": [f"resize({scaled}, {filter})", f"center_crop({size})"],
                "squash": [f"squash({scaled}, {filter})"] + ([f"center_crop({size})"] if scaled != size else []),
            }[data["crop_mode"]]
            yield {
                "name": f"timm/{tag}",
                "model": model,
                "naming": "timm",
                "url": url.replace("/rwightman/", "/huggingface/"),
                "sha256": published_hash(url),
                "licence": cfg.license,
                "padding": padding,
                "bn_epsilon": epsilon,
                "classes": cfg.num_classes,
                "transform": pipeline(*steps, normalize(data["mean"], data["std"])),
                "top1": TIMM_TOP1.get(tag),
                "source": f"https://huggingface.co/{cfg.hf_hub_id}",
            }


def torchvision_rows():
    import torchvision

    for model, architecture in torchvision_models():
        with torch.device("meta"):
            padding, epsilon = constants(torchvision.models.get_model(architecture))
        for weights in torchvision.models.get_model_weights(architecture):
            transform = weights.transforms()
            (crop,), (resize,) = set(transform.crop_size), set(transform.resize_size)
            steps = [f"resize({resize}, {transform.interpolation.value})", f"center_crop({crop})"]
            yield {
                "name": f"torchvision/{architecture}.{weights.name}",
                "model": model,
                "naming": "torchvision",
                "url": weights.url,
                "sha256": published_hash(weights.url),
                "licence": "bsd-3-clause",
                "padding": padding,
                "bn_epsilon": epsilon,
                "classes": len(weights.meta["categories"]),
                "transform": pipeline(*steps, normalize(transform.mean, transform.std)),
                "top1": weights.meta["_metrics"]["ImageNet-1K"]["acc@1"],
                "source": f"https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.{architecture}.html",
            }


def efficientnet_pytorch_rows():
    """Its evaluation (`examples/imagenet/main.py`): the short side to the network's size, and the middle of that."""
    from efficientnet_pytorch import EfficientNet
    from efficientnet_pytorch.utils import url_map, url_map_advprop

    for suffix, urls, means in (("", url_map, IMAGENET), (".advprop", url_map_advprop, INCEPTION)):
        for model, url in urls.items():
            size = EfficientNet.get_image_size(model)
            yield {
                "name": f"lukemelas/{model}{suffix}",
                "model": model,
                "naming": "efficientnet-pytorch",
                "url": url,
                "sha256": published_hash(url),
                "licence": "apache-2.0",
                "padding": "same",
                "bn_epsilon": 1e-3,
                "classes": 1000,
                "transform": pipeline(f"resize({size}, bicubic)", f"center_crop({size})", normalize(*means)),
                "top1": None,
                "source": "https://github.com/lukemelas/EfficientNet-PyTorch",
            }


def toml(row):
    quoted = lambda value: f'"{value}"' if isinstance(value, str) else repr(value)
    return "[[checkpoint]]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in row.items() if value is not None)


def main():
    from importlib.metadata import version

    rows = [*timm_rows(), *torchvision_rows(), *efficientnet_pytorch_rows()]
    packages = ("timm", "torchvision", "efficientnet_pytorch")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    head = f"# Written by scripts/registry.py from {versions}. Not to be edited by hand.\n\n"
    REGISTRY.write_text(head + "\n".join(map(toml, rows)))
    hashed = sum(row["sha256"] is not None for row in rows)
    print(f"{len(rows)} checkpoints, {hashed} with a published hash, {sum(r['top1'] is not None for r in rows)} with top-1")


main()
