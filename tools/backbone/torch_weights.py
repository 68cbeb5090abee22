"""Reads the tensors of a PyTorch weight file of the format before 1.6, without PyTorch.

Such a file is a row of pickles (magic number, protocol version, facts of the machine, the
dictionary of tensors, the keys of the storages) and then, for each storage, its number of items as
a 64-bit integer and its raw little-endian items. A pickle can name any function to be called, so
the unpickler here knows six names, each of which it answers itself, and refuses all others.
"""

import collections
import pickle

import numpy as np

magic_number = 0x1950A86A20F9469CFC6C
protocol_version = 1001

# The types of storages, as pickles name them, and their items.
item_types = {"FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8"),
              "HalfStorage": np.dtype("<f2"), "LongStorage": np.dtype("<i8")}


class Storage:
    """Items that are shared by the tensors which lie in them; filled after the pickles."""

    def __init__(self, dtype, count):
        self.dtype = dtype
        self.count = count
        self.items = None


class Tensor:
    """A view of a storage: what `torch._utils._rebuild_tensor_v2` is called with."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset = storage, offset
        self.shape, self.strides = tuple(shape), tuple(strides)

    def array(self):
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if self.offset < 0 or min(self.strides, default=0) < 0 or last >= self.storage.count:
            raise ValueError("a tensor reaches beyond its storage")
        size = self.storage.dtype.itemsize
        return np.lib.stride_tricks.as_strided(
            self.storage.items[self.offset:], self.shape, [size * s for s in self.strides]).copy()


class RestrictedUnpickler(pickle.Unpickler):
    """Makes storages and tensors, dictionaries, lists, strings and numbers, and nothing else."""

    def __init__(self, file):
        super().__init__(file, encoding="utf-8")
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return Tensor
        if module == "torch" and name in item_types:
            return item_types[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid):
        kind, dtype, key, _, count, view = pid
        if kind != "storage" or view is not None or not isinstance(count, int) or count < 0:
            raise pickle.UnpicklingError("a storage is described in an unknown way")
        return self.storages.setdefault(key, Storage(dtype, count))


def read_weights(path):
    """Name to array, in the order of the file. Raises ValueError or pickle.UnpicklingError for
    what is no such file."""
    with open(path, "rb") as file:
        for expected in (magic_number, protocol_version):
            if RestrictedUnpickler(file).load() != expected:
                raise ValueError(f"{path} is no PyTorch weight file of the format before 1.6")
        RestrictedUnpickler(file).load()
        unpickler = RestrictedUnpickler(file)
        tensors = unpickler.load()
        for key in RestrictedUnpickler(file).load():
            storage = unpickler.storages[key]
            count = int(np.frombuffer(file.read(8), "<i8")[0])
            data = file.read(storage.count * storage.dtype.itemsize)
            if count != storage.count or len(data) != count * storage.dtype.itemsize:
                raise ValueError(f"{path} is cut short or damaged at storage {key}")
            storage.items = np.frombuffer(data, storage.dtype)
        if file.read(1):
            raise ValueError(f"{path} has bytes after its last storage")
    return {name: tensor.array() for name, tensor in tensors.items()}
