"""EfficientNet-Lite0 in NumPy, from the weights as published: what its ONNX file must compute.

Written from the description of the network (M. Tan and Q. V. Le, 'EfficientNet: Rethinking Model
Scaling for Convolutional Neural Networks', ICML 2019, table 1, and the Lite variants' release notes:
no squeeze-and-excitation, ReLU6, stem and head unscaled). Batch normalisations stay as they are,
padding is TensorFlow's SAME; every step is a plain loop over kernel positions.
"""

import numpy as np

# stride of the first block of each stage, number of blocks
stages = [(1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1)]
epsilon = 1e-3


def same_padding(size, kernel, stride):
    """Zeros before and after: the output has ceil(size / stride) values, the odd zero comes last."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padded(x, kernel, stride):
    rows, columns = (same_padding(n, kernel, stride) for n in x.shape[2:])
    return np.pad(x, ((0, 0), (0, 0), rows, columns))


def positions(x, kernel, stride):
    """The shifted pictures that each kernel position sees."""
    height, width = (-(-n // stride) for n in x.shape[2:])
    x = padded(x, kernel, stride)
    for i in range(kernel):
        for j in range(kernel):
            yield i, j, x[:, :, i:i + height * stride:stride, j:j + width * stride:stride][
                :, :, :height, :width]


def convolution(x, weight, stride):
    return sum(np.einsum("oc,nchw->nohw", weight[:, :, i, j], part, optimize=True)
               for i, j, part in positions(x, weight.shape[2], stride))


def depthwise(x, weight, stride):
    return sum(weight[None, :, 0, i, j, None, None] * part
               for i, j, part in positions(x, weight.shape[2], stride))


def normalised(x, weights, name):
    mean, variance, gain, bias = (weights[f"{name}.{part}"][None, :, None, None]
                                  for part in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean) / np.sqrt(variance + epsilon) * gain + bias


def relu6(x):
    return np.clip(x, 0, 6)


def block(x, weights, name, stride):
    y = x
    if f"{name}._expand_conv.weight" in weights:
        y = relu6(normalised(convolution(y, weights[f"{name}._expand_conv.weight"], 1), weights,
                             f"{name}._bn0"))
    y = relu6(normalised(depthwise(y, weights[f"{name}._depthwise_conv.weight"], stride), weights,
                         f"{name}._bn1"))
    y = normalised(convolution(y, weights[f"{name}._project_conv.weight"], 1), weights,
                   f"{name}._bn2")
    return x + y if stride == 1 and x.shape == y.shape else y


def evaluate(weights, images):
    """(features n x 1280, scores n x 1000) of normalised images, n x 3 x height x width."""
    x = images.astype(np.float64)
    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    x = relu6(normalised(convolution(x, weights["_conv_stem.weight"], 2), weights, "_bn0"))
    number = 0
    for first_stride, repeats in stages:
        for repeat in range(repeats):
            x = block(x, weights, f"_blocks.{number}", first_stride if repeat == 0 else 1)
            number += 1
    x = relu6(normalised(convolution(x, weights["_conv_head.weight"], 1), weights, "_bn1"))
    features = x.mean(axis=(2, 3))
    return features, features @ weights["_fc.weight"].T + weights["_fc.bias"]
