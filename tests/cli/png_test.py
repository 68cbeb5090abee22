#!/usr/bin/python3
"""Pixels of PNG files of every kind, held to Pillow's convert('RGB'); and folders of pictures with
links, loops and parts that cannot be read."""

import io
import os
import struct
import subprocess
import unittest
import zlib

import numpy as np
from PIL import Image

from image_support import ExtractTest, write_folder

side = 8
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values, colour, bits, *chunks):
    """A PNG of side x side x channels values of so many bits, with more chunks before the pixels."""
    rows = b""
    for row in values.reshape(side, -1):
        if bits == 16:
            rows += b"\0" + row.astype(">u2").tobytes()
        else:
            digits = (row[:, None] >> np.arange(bits - 1, -1, -1)) & 1
            rows += b"\0" + np.packbits(digits.astype(np.uint8).reshape(-1)).tobytes()
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0)) +
            b"".join(chunk(kind, data) for kind, data in chunks) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Pixels(ExtractTest):
    def kinds(self):
        """Names and bytes of PNG files."""
        random = np.random.default_rng(3)

        def values(colour, bits):
            return random.integers(0, 2**bits, (side, side, CHANNELS[colour]))

        gammas = [(), ((b"gAMA", struct.pack(">I", 100000)),), ((b"gAMA", struct.pack(">I", 45455)),),
                  ((b"gAMA", struct.pack(">I", 55556)),), ((b"sRGB", b"\0"),),
                  ((b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000,
                                         6000)),)]
        palette = (b"PLTE", random.integers(0, 256, 48).astype(np.uint8).tobytes())
        for number, more in enumerate(gammas):
            for bits in (8, 16):
                for colour in (GREY, RGB, GREY_ALPHA, RGBA):
                    yield f"{colour}-{bits}-{number}", png(values(colour, bits), colour, bits, *more)
            for bits in (1, 2, 4):
                yield f"grey-{bits}-{number}", png(values(GREY, bits), GREY, bits, *more)
            indices = values(PALETTE, 4)
            yield f"palette-4-{number}", png(indices, PALETTE, 4, *more, palette)
            yield f"palette-8-{number}", png(indices, PALETTE, 8, *more, palette)
            transparent = (b"tRNS", bytes([0, 128, 255, 7]))
            yield f"palette-t-{number}", png(indices, PALETTE, 8, *more, palette, transparent)
            grey = values(GREY, 8)
            yield f"grey-t-{number}", png(grey, GREY, 8, *more,
                                          (b"tRNS", struct.pack(">H", int(grey[0, 0, 0]))))
            rgb = values(RGB, 8)
            yield f"rgb-t-{number}", png(rgb, RGB, 8, *more,
                                         (b"tRNS", struct.pack(">3H", *rgb[0, 0].tolist())))
            rgb = values(RGB, 16)
            yield f"rgb16-t-{number}", png(rgb, RGB, 16, *more,
                                           (b"tRNS", struct.pack(">3H", *rgb[0, 0].tolist())))
        # As a photograph's programs write them, with filters.
        gradient = np.add.outer(np.arange(side), 20 * np.arange(side))[:, :, None] + [0, 30, 60]
        for mode in ("L", "LA", "P", "RGB", "RGBA", "1"):
            file = io.BytesIO()
            Image.fromarray(gradient.astype(np.uint8)).convert(mode).save(file, "PNG")
            yield f"pillow-{mode}", file.getvalue()

    def expected(self, name, data):
        picture = Image.open(io.BytesIO(data))
        if picture.mode.startswith("I"):
            # 16-bit grey: recent versions take the upper byte, older ones cut off at 255.
            return np.repeat((np.array(picture) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
        return np.array(picture.convert("RGB"))

    def test_pixels_are_pillows(self):
        files = dict(self.kinds())
        for number, (name, data) in enumerate(sorted(files.items())):
            folder = self.photos / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(data)
        result = self.succeed(*self.arguments("--strict"))
        self.assertIn(f"{len(files)} of 2 classes", result.stdout)
        self.assertGreater(len(files), 90)
        copies = np.load(self.out / "thumbnails.npy")
        paths = sorted(self.photos.rglob("*.png"))
        pictures = []
        for path, copy in zip(paths, copies, strict=True):
            with self.subTest(path.name):
                pictures.append(self.expected(path.name, path.read_bytes()))
                np.testing.assert_array_equal(copy, pictures[-1])
        np.testing.assert_allclose(self.loaded()[0], self.network.features(np.array(pictures)),
                                   rtol=0, atol=1e-4)


class Folders(ExtractTest):
    def test_links_to_pictures_and_folders_are_followed(self):
        elsewhere = self.home / "elsewhere"
        pictures = write_folder(elsewhere, {"a": 2, "b": 2})
        self.photos.mkdir()
        (self.photos / "a").symlink_to(elsewhere / "a")
        (self.photos / "b").mkdir()
        (self.photos / "b/inner").symlink_to(elsewhere / "b")
        (self.photos / "b/x.png").symlink_to(elsewhere / "a/00000.png")
        self.succeed(*self.arguments("--strict"))
        features, labels, _ = self.loaded()
        self.assertEqual(labels.tolist(), [0, 0, 1, 1, 1])
        expected = self.network.features(pictures[[0, 1, 2, 3, 0]])
        np.testing.assert_allclose(features, expected, rtol=0, atol=1e-4)

    def test_links_that_lead_nowhere_are_left_out_and_named(self):
        write_folder(self.photos, {"a": 2, "b": 2})
        (self.photos / "a/loop").symlink_to("loop")
        (self.photos / "a/nothing.png").symlink_to("none.png")
        (self.photos / "a/self").symlink_to(".")
        (self.photos / "b/up").symlink_to("..")
        (self.photos / "c").symlink_to("nowhere")
        os.mkfifo(self.photos / "b/pipe")
        result = self.succeed(*self.arguments())
        self.assertEqual(len(self.loaded()[0]), 4)
        for name in ("a/loop (Too many levels of symbolic links)",
                     "a/nothing.png (a symbolic link to nothing)",
                     "a/self (a link to a folder that it lies in)",
                     "b/up (a link to a folder that it lies in)", "c (a symbolic link to nothing)",
                     "b/pipe (cannot read: not a regular file)"):
            self.assertIn(name, result.stdout)
        self.refuse(*self.arguments("--strict", out=self.home / "other"), words=["a/loop", "b/up"])

    def test_empty_class_folders_are_named(self):
        for name in ("ant", "bird"):
            (self.photos / name).mkdir(parents=True)
        self.refuse(*self.arguments(), words=["photos", "class folders are empty: ant, bird"])
        write_folder(self.home / "more", {"ant": 1, "bird": 1})
        for name in ("ant", "bird"):
            (self.home / "more" / name / "00000.png").rename(self.photos / name / "1.png")
        (self.photos / "cat").mkdir()
        result = self.succeed(*self.arguments())
        self.assertRegex(result.stdout, r"classes without images +cat\n")

    def test_parts_that_cannot_be_read_are_named(self):
        write_folder(self.photos, {"a": 2, "b": 2})
        (self.photos / "a/inner").mkdir()
        work = self.home / "work"
        work.mkdir()
        programs, options = self.as_other_user(self.photos, work)
        for path in (self.backbone, self.backbone.with_suffix(".json")):
            path.chmod(0o644)

        def other(*more):
            words = [programs / "cipherfit", *self.arguments(*more, out=work / "out")]
            return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                                  check=False, **options)

        (self.photos / "a/inner").chmod(0)
        (self.photos / "b/00001.png").chmod(0)
        result = other()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("a/inner (a folder that cannot be read: Permission denied)", result.stdout)
        self.assertIn("b/00001.png (cannot open: Permission denied)", result.stdout)
        self.photos.chmod(0)
        result = other()
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"\Acipherfit: .*photos.*Permission denied\n\Z")
        self.photos.chmod(0o755)


if __name__ == "__main__":
    unittest.main()
