"""Pictures, small networks and what they must compute, for the tests of `cipherfit extract`."""

import json
import struct
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cli_support import ProgramTest


def png_bytes(pixels):
    """A PNG of height x width (grey) or height x width x 3 bytes."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    rows = b"".join(b"\0" + row.tobytes() for row in pixels.astype(np.uint8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour,
                                                             0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def cmyk_jpeg():
    """The headers of a JPEG of 8 x 8 pixels of four components, and no pixels."""
    components = range(1, 5)
    frame = struct.pack(">BHHB", 8, 8, 8, 4) + b"".join(bytes([c, 0x11, 0]) for c in components)
    scan = b"\4" + b"".join(bytes([c, 0]) for c in components) + b"\0\x3f\0"
    return (b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda" +
            struct.pack(">H", len(scan) + 2) + scan + b"\xff\xd9")


def write_folder(root, counts, size=8, seed=1):
    """root/<class>/<number>.png; the class decides which channel is bright. Returns the pixels in
    the order of the names."""
    random = np.random.default_rng(seed)
    pictures = []
    for index, (name, count) in enumerate(sorted(counts.items())):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 120, (size, size, 3))
            pixels[:, :, index % 3] += 100
            (root / name / f"{number:05}.png").write_bytes(png_bytes(pixels))
            pictures.append(pixels)
    return np.array(pictures)


description = {"mean": [100.0, 110.0, 120.0], "scale": [0.01, 0.02, 0.03]}


class SmallNetwork:
    """3 x 3 convolution to six channels, ReLU, average over positions, fully connected layer."""

    def __init__(self, channels=3, size=8, seed=5):
        random = np.random.default_rng(seed)
        self.channels, self.size = channels, size
        self.kernel = random.normal(size=(6, channels, 3, 3)).astype(np.float32)
        self.dense = random.normal(size=(4, 6)).astype(np.float32)

    def nodes(self):
        return [helper.make_node("Conv", ["image", "kernel"], ["c"], kernel_shape=[3, 3]),
                helper.make_node("Relu", ["c"], ["r"], name="rectified"),
                helper.make_node("GlobalAveragePool", ["r"], ["p"]),
                helper.make_node("Flatten", ["p"], ["features"]),
                helper.make_node("Gemm", ["features", "dense"], ["scores"], transB=1)]

    def write(self, path, nodes=None, shape=None, about=description):
        shape = shape or [1, self.channels, self.size, self.size]
        nodes = self.nodes() if nodes is None else nodes
        graph = helper.make_graph(
            nodes, "small", [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["rows", "columns"])
             for node in nodes[-1:] for n in node.output],
            initializer=[numpy_helper.from_array(self.kernel, "kernel"),
                         numpy_helper.from_array(self.dense, "dense")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=5)
        path.write_bytes(model.SerializeToString())
        if about is not None:
            path.with_suffix(".json").write_text(json.dumps(about))

    def features(self, pictures):
        """n x height x width x channels of bytes to n x 6, in float64, by the definition."""
        values = (pictures.astype(np.float64) - np.array(description["mean"])) * np.array(
            description["scale"])
        side = values.shape[1] - 2
        total = np.zeros((len(values), side, side, 6))
        for i in range(3):
            for j in range(3):
                total += values[:, i:i + side, j:j + side] @ self.kernel[:, :, i, j].T.astype(float)
        return np.maximum(total, 0).mean(axis=(1, 2))


class ExtractTest(ProgramTest):
    """A test with a network, and places for photographs and their features."""

    def setUp(self):
        super().setUp()
        self.photos, self.backbone, self.out = (self.home / n for n in ("photos", "net.onnx", "out"))
        self.network = SmallNetwork()
        self.network.write(self.backbone)

    def arguments(self, *more, out=None):
        return ("extract", "--images", self.photos, "--backbone", self.backbone, "--out",
                out or self.out, "--threads", "2", "--quiet", *more)

    def loaded(self, out=None):
        out = out or self.out
        return (np.load(out / "features.npy"), np.load(out / "labels.npy"),
                json.loads((out / "class_names.json").read_text()))
