#!/usr/bin/python3
"""Writes EfficientNet-Lite0 as ONNX, with the JSON file that says how images go in.

    efficientnet_lite0.py WEIGHTS.pth OUT.onnx      also writes OUT.json

The graph is the network's inference form: every batch normalisation is folded into the convolution
before it, TensorFlow's SAME padding stands as explicit pads, the pooled features have the name
"features" and the ImageNet scores the name "scores". Needs Debian's python3-onnx and python3-numpy.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from torch_weights import read_weights

input_size = 224
epsilon = 1e-3  # of the batch normalisations
# Of the mobile inverted bottlenecks: the first block's stride and the number of blocks.
stages = ((1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1))


class GraphWriter:
    """Nodes and constants in the order in which they are added."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes, self.constants = [], []
        self.unused = {n for n in weights if not n.endswith("num_batches_tracked")}

    def weight(self, name):
        self.unused.discard(name)
        return self.weights[name].astype(np.float64)

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, source, size, layer, norm, stride=1, activate=True):
        """Convolution and normalisation in one, then ReLU6; the output and its side length."""
        kernel = self.weight(f"{layer}.weight")
        gain = self.weight(f"{norm}.weight") / np.sqrt(self.weight(f"{norm}.running_var") + epsilon)
        bias = self.weight(f"{norm}.bias") - self.weight(f"{norm}.running_mean") * gain
        name = layer.replace("_blocks", "block").replace("._", ".").lstrip("_")
        group = kernel.shape[0] if kernel.shape[1] == 1 else 1
        side = kernel.shape[2]
        after = -(-size // stride)
        total = max((after - 1) * stride + side - size, 0)
        before = total // 2
        source = self.padding(source, name, before, total - before)
        output = self.node(
            "Conv", [source, self.constant(f"{name}.kernel", kernel * gain[:, None, None, None]),
                     self.constant(f"{name}.bias", bias)], name,
            kernel_shape=[side, side], strides=[stride, stride], group=group,
            pads=[before] * 4 if total == 2 * before else [0] * 4)
        if activate:
            output = self.node("Clip", [output], f"{name}.relu6", min=0.0, max=6.0)
        return output, after

    def padding(self, source, name, before, after):
        """An unequal padding is a node of its own: OpenCV's convolutions pad both sides alike."""
        if before == after:
            return source
        return self.node("Pad", [source], f"{name}.padded", mode="constant", value=0.0,
                         pads=[0, 0, before, before, 0, 0, after, after])

    def channels_in(self, block):
        expansion = self.weights.get(f"{block}._expand_conv.weight")
        if expansion is not None:
            return expansion.shape[1]
        return self.weights[f"{block}._depthwise_conv.weight"].shape[0]

    def channels_out(self, block):
        return self.weights[f"{block}._project_conv.weight"].shape[0]

    def block(self, source, size, number, stride):
        name = f"_blocks.{number}"
        output, side = source, size
        if f"{name}._expand_conv.weight" in self.weights:
            output, _ = self.convolution(output, size, f"{name}._expand_conv", f"{name}._bn0")
        output, side = self.convolution(output, size, f"{name}._depthwise_conv", f"{name}._bn1",
                                        stride)
        output, _ = self.convolution(output, side, f"{name}._project_conv", f"{name}._bn2",
                                     activate=False)
        if stride == 1 and self.channels_in(name) == self.channels_out(name):
            output = self.node("Add", [output, source], f"block.{number}.sum")
        return output, side


def build_model(weights):
    writer = GraphWriter(weights)
    x, size = writer.convolution("image", input_size, "_conv_stem", "_bn0", stride=2)
    number = 0
    for first_stride, repeats in stages:
        for repeat in range(repeats):
            x, size = writer.block(x, size, number, first_stride if repeat == 0 else 1)
            number += 1
    x, size = writer.convolution(x, size, "_conv_head", "_bn1")
    x = writer.node("GlobalAveragePool", [x], "pooled")
    x = writer.node("Flatten", [x], "features", axis=1)
    classifier = writer.weight("_fc.weight")
    writer.node("Gemm", [x, writer.constant("classifier.weight", classifier),
                         writer.constant("classifier.bias", writer.weight("_fc.bias"))],
                "scores", transB=1)
    if writer.unused:
        raise ValueError(f"weights that have no place in the network: {sorted(writer.unused)}")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT,
                                          ["images", 3, input_size, input_size])
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT,
                                             ["images", classifier.shape[0]])]
    graph = helper.make_graph(writer.nodes, "EfficientNet-Lite0", [image], outputs,
                              initializer=writer.constants)
    # Opset 10: the last in which the bounds of Clip and the widths of Pad are attributes.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=5)
    onnx.checker.check_model(model)
    return model


description = {
    "name": "EfficientNet-Lite0, ImageNet",
    "input_size": [input_size, input_size],
    "channels": "rgb",
    "mean": [127.0, 127.0, 127.0],
    "scale": [1 / 128, 1 / 128, 1 / 128],
    "feature_tensor": "features",
}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    target = Path(sys.argv[2])
    model = build_model(read_weights(sys.argv[1]))
    target.write_bytes(model.SerializeToString())
    target.with_suffix(".json").write_text(json.dumps(description, indent=2) + "\n",
                                           encoding="ascii")


if __name__ == "__main__":
    main()
