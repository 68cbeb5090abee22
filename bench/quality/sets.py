"""The public data sets of docs/learning-quality.md, each as a matrix of numbers with class numbers.

A column whose entries are not all numbers becomes one 0/1 column a value, as does a column that
`coded` names: its numbers stand for categories. Rows and columns stay in their file's order.
"""

import csv
from dataclasses import dataclass

import numpy as np

import fetch


@dataclass(frozen=True)
class Set:
    name: str
    title: str
    source: str  # keel, islp, sklearn, idx
    group: str  # tables (those that the bars are about), imbalanced, more, images
    file: str = ""
    label: int | str = -1
    coded: tuple = ()


tables = "tables"
catalogue = [
    Set("iris", "Iris", "sklearn", tables),
    Set("wine", "Wine", "sklearn", tables),
    Set("breast-cancer", "Breast cancer (diagnostic)", "sklearn", tables),
    Set("digits", "Digits 8 x 8", "sklearn", tables),
    Set("mammographic", "Mammographic mass", "keel", tables),
    Set("saheart", "South African heart disease", "keel", tables),
    Set("pima", "Pima diabetes", "keel", tables),
    Set("german", "German credit", "keel", tables),
    Set("crx", "Credit approval", "keel", tables),
    Set("spambase", "Spambase", "keel", tables),
    Set("texture", "Texture", "keel", tables),
    Set("letter", "Letter", "keel", tables),
    Set("wisconsin", "Breast cancer (cytology)", "keel", tables),
    Set("default", "Default of credit cards", "islp", "imbalanced", "Default.csv", "default"),
    Set("caravan", "Caravan insurance", "islp", "imbalanced", "Caravan.csv", "Purchase"),
    Set("ionosphere", "Ionosphere", "keel", "more"),
    Set("sonar", "Sonar", "keel", "more"),
    Set("vehicle", "Vehicle silhouettes", "keel", "more"),
    Set("segment", "Image segments", "keel", "more"),
    Set("vowel", "Vowels", "keel", "more"),
    Set("heart", "Heart disease (Statlog)", "keel", "more"),
    Set("bupa", "Liver disorders", "keel", "more"),
    Set("phoneme", "Phonemes", "keel", "more"),
    Set("contraceptive", "Contraceptive choice", "keel", "more"),
    Set("tic-tac-toe", "Tic-tac-toe endgames", "keel", "more"),
    Set("satimage", "Satellite image", "keel", "more"),
    Set("penbased", "Pen-based digits", "keel", "more"),
    Set("splice", "Splice junctions", "keel", "more"),
    Set("chess", "King-rook against king-pawn", "keel", "more"),
    Set("movement-libras", "Hand movements", "keel", "more", "movement_libras.dat"),
    Set("banana", "Banana (made)", "keel", "more"),
    Set("magic", "Gamma telescope", "keel", "more"),
    Set("mnist", "MNIST", "idx", "images"),
    Set("fashion-mnist", "Fashion-MNIST", "idx", "images"),
]
by_name = {entry.name: entry for entry in catalogue}


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def encode(names, rows, coded=()):
    """Columns of text as numbers, with a name each; a column of categories becomes several."""
    columns, column_names = [], []
    for position, name in enumerate(names):
        texts = [row[position] for row in rows]
        numbers = [number(text) for text in texts]
        if name not in coded and None not in numbers:
            columns.append(numbers)
            column_names.append(name)
            continue
        for value in sorted(set(texts)):
            columns.append([float(text == value) for text in texts])
            column_names.append(f"{name}={value}")
    return np.array(columns).T, column_names


def read_text(entry):
    if entry.source == "keel":
        path = fetch.packages / "keel" / (entry.file or f"{entry.name}.dat")
        rows = [[cell.strip() for cell in row] for row in csv.reader(path.open()) if row]
        names = [f"column {position}" for position in range(len(rows[0]))]
    else:
        path = fetch.packages / "islp" / entry.file
        names, *rows = list(csv.reader(path.open()))
    label = names.index(entry.label) if isinstance(entry.label, str) else len(names) - 1
    if any(len(row) != len(names) or "" in row for row in rows):
        raise ValueError(f"{path}: a row with missing values")
    classes = [row.pop(label) for row in rows]
    del names[label]
    matrix, column_names = encode(names, rows, entry.coded)
    class_names = sorted(set(classes), key=lambda text: (number(text) is None, number(text), text))
    return matrix, np.array([class_names.index(text) for text in classes]), column_names, class_names


def read_idx(path):
    content = path.read_bytes()
    dimensions = content[3]
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def image_folder(entry):
    return fetch.mnist if entry.name == "mnist" else fetch.packages / entry.name


def load(entry):
    """(rows x columns float64, class numbers from 0, columns' names, classes' names)."""
    if entry.source == "sklearn":
        from sklearn import datasets

        bunch = getattr(datasets, "load_" + entry.name.replace("-", "_"))()
        names = [str(name) for name in bunch.feature_names]
        return bunch.data.astype(float), bunch.target, names, [str(c) for c in bunch.target_names]
    if entry.source == "idx":
        folder = image_folder(entry)
        parts = [read_idx(folder / f"{part}-images-idx3-ubyte") for part in ("train", "t10k")]
        labels = [read_idx(folder / f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]
        rows = np.concatenate(parts).reshape(-1, parts[0][0].size).astype(float)
        names = [f"pixel {position}" for position in range(rows.shape[1])]
        return rows, np.concatenate(labels).astype(int), names, [str(c) for c in range(10)]
    return read_text(entry)


def split(entry, labels, seed):
    """The rows to train on and those to test on: 75 % and 25 % of every class.

    MNIST and Fashion-MNIST have the one split that they were published with.
    """
    if entry.source == "idx":
        return np.arange(60000), np.arange(60000, 70000)
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.25, stratify=labels, random_state=seed
    )
    return np.sort(train), np.sort(test)
