#!/usr/bin/python3
"""Exports a CNN of torchvision or timm as ONNX, with the JSON file that says how images go in.

    export_backbone.py regnet_x_400mf model.onnx                    with torchvision's own weights
    export_backbone.py regnet_x_400mf model.onnx --weights FILE     with those of a state_dict
    export_backbone.py regnet_x_400mf model.onnx --weights none --seed 1
    export_backbone.py timm:mobilenetv3_large_100 model.onnx

regnet_x_400mf is the network of arXiv 2304.03807. The libraries download their own weights, and need
the network for that; without it give a file, or `none` for random ones, which are for tests. Writes
model.onnx and model.json, for `cipherfit extract --backbone model.onnx`. Needs PyTorch, torchvision
and onnx (Debian: python3-torch, python3-torchvision, python3-onnx), and timm for its networks.
"""

import argparse
import json
import sys
from pathlib import Path

opset = 11  # the newest that OpenCV 4.6 reads without gaps
imagenet_mean, imagenet_std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def fail(message):
    sys.exit(f"export_backbone: {message}")


def random_or_file(model, weights):
    """Loads a file of weights into the model, unless they are to stay random."""
    import torch

    if weights != "none":
        try:
            state = torch.load(weights, map_location="cpu")
        except (OSError, RuntimeError) as error:
            fail(f"{weights}: cannot be read: {error}")
        model.load_state_dict(state.get("state_dict", state))
    return model


def torchvision_model(name, weights):
    """The network, its input's side, mean and standard deviation, for pixels from 0 to 1."""
    from torchvision import models

    if name not in models.list_models(module=models):
        fail(f"torchvision has no network '{name}'")
    if weights != "default":
        return random_or_file(models.get_model(name, weights=None), weights), 224, \
            imagenet_mean, imagenet_std
    chosen = models.get_model_weights(name).DEFAULT
    transforms = chosen.transforms()
    model = models.get_model(name, weights=chosen)
    return model, transforms.crop_size[0], transforms.mean, transforms.std


def timm_model(name, weights):
    try:
        import timm
    except ImportError:
        fail("timm is not installed: pip install timm")
    model = timm.create_model(name, pretrained=weights == "default")
    if weights != "default":
        random_or_file(model, weights)
    about = model.default_cfg
    return model, about["input_size"][1], about["mean"], about["std"]


def export(model, side, path):
    import torch

    # One picture: cipherfit takes one at a time, whatever the batch of the file.
    torch.onnx.export(model.eval(), torch.zeros(1, 3, side, side), str(path), opset_version=opset,
                      input_names=["image"], output_names=["scores"], do_constant_folding=True)
    without_aliases(path)


def without_aliases(path):
    """PyTorch stores equal constants once and copies them by Identity, which OpenCV does not take."""
    import onnx

    model = onnx.load(str(path))
    graph = model.graph
    same = {constant.name: constant.name for constant in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in same:
            same[node.output[0]] = same[node.input[0]]
            continue
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="a name of torchvision's, or timm:NAME")
    parser.add_argument("out", type=Path, metavar="OUT.onnx")
    parser.add_argument("--weights", default="default", metavar="default|none|FILE")
    parser.add_argument("--seed", type=int, default=1, help="of random weights")
    arguments = parser.parse_args()
    try:
        import onnx  # noqa: F401
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        fail(f"{error.name} is not installed for {sys.executable}: on Debian apt install "
             "python3-torch python3-torchvision python3-onnx, and run this by /usr/bin/python3")
    torch.manual_seed(arguments.seed)
    library, _, name = arguments.network.rpartition(":")
    if library not in ("", "timm", "torchvision"):
        fail(f"'{library}' is no library that this knows: torchvision or timm")
    make = timm_model if library == "timm" else torchvision_model
    try:
        model, side, mean, std = make(name, arguments.weights)
    except OSError as error:  # the download
        fail(f"cannot get the weights of {name} ({error}): give --weights FILE or --weights none")
    export(model, side, arguments.out)
    about = {"name": arguments.network, "input_size": [side, side], "channels": "rgb",
             "mean": [255 * m for m in mean], "scale": [1 / (255 * s) for s in std]}
    arguments.out.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
