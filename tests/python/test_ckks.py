"""cipherfit.ckks: exact bookkeeping of levels and scales, and the C++ library's bytes."""

import pickle
import subprocess
import time

import numpy as np
import pytest
from conftest import build

import cipherfit
from cipherfit import ckks


@pytest.fixture(scope="module")
def parameters():
    return ckks.Parameters(log_n=13, q_bits=[45, 35, 35], p_bits=[45], digits=3)


@pytest.fixture(scope="module")
def key(parameters):
    return ckks.SecretKey(parameters)


@pytest.fixture(scope="module")
def evaluator(key):
    return ckks.Evaluator(key.evaluation_keys(rotations=[1, 3, -2], conjugate=True))


@pytest.fixture
def x(parameters):
    return np.sin(np.arange(parameters.slots))


def test_operators_compute_as_numpy_does(key, evaluator, x):
    y = np.cos(np.arange(len(x)))
    a, b = key.encrypt(x, evaluator=evaluator), key.encrypt(y, evaluator=evaluator)
    for encrypted, clear, levels in [
        (a + b, x + y, 0), (a - b, x - y, 0), (-a, -x, 0), (a * b, x * y, 1),
        (a + 1.5, x + 1.5, 0), (2 - a, 2 - x, 0), (a * 0.25, x * 0.25, 1), (y * a, x * y, 1),
        (a - y, x - y, 0), (y - a, y - x, 0), (np.float32(2) * a, 2 * x, 1), (3 * a, 3 * x, 1),
        (a << 3, np.roll(x, -3), 0), (a >> 2, np.roll(x, 2), 0), (a << 0, x, 0),
        (a.sum_of_rotations([0, 1, 3]), x + np.roll(x, -1) + np.roll(x, -3), 0),
    ]:
        assert encrypted.level == a.level - levels
        assert np.abs(key.decrypt(encrypted) - clear).max() < 2**-12
        assert key.precision(encrypted, clear).mean_bits > 15


def test_products_with_numbers_keep_the_scale_exactly(key, evaluator, x):
    a = key.encrypt(x, evaluator=evaluator)
    assert (a * x).scale == pytest.approx(a.scale, rel=2**-45)
    assert (a * x + a * 0.5).level == a.level - 1  # equal scales: they may be added
    square = a * a
    with pytest.raises(cipherfit.LevelError):
        square + a * 0.5
    assert key.precision(square + a.times(0.5, scale=square.scale), x * x + x / 2).worst_bits > 12


def test_complex_numbers(key, evaluator, parameters):
    z = np.exp(1j * np.arange(parameters.slots))
    a = key.encrypt(z, evaluator=evaluator)
    assert np.abs(key.decrypt_complex(a.conjugate()) - z.conj()).max() < 2**-12
    turned = key.decrypt_complex(a * np.full(parameters.slots, 1j))
    assert np.abs(turned - 1j * z).max() < 2**-12


def test_levels_and_scales_are_visible_and_checked(key, evaluator, x, parameters):
    a = key.encrypt(x, evaluator=evaluator)
    assert repr(a) == "Ciphertext(level 2, scale 2^35, 4096 slots, 2 parts)"
    assert "2 levels" in repr(parameters) and "128-bit" in repr(parameters)
    bottom = (a * 1.0) * 1.0
    with pytest.raises(cipherfit.LevelError) as caught:
        bottom * 2.0
    assert caught.value.code == "level_exhausted" and caught.value.remedy
    with pytest.raises(cipherfit.LevelError) as caught:
        a * a + key.encrypt(x, level=1, scale=2.0**30)
    assert caught.value.code == "scale_mismatch"
    with pytest.raises(cipherfit.MissingKeyError, match="rotation by 7"):
        a << 7
    with pytest.raises(cipherfit.MissingKeyError, match="no evaluator"):
        key.encrypt(x) + 1.0
    with pytest.raises(cipherfit.InputError):
        key.encrypt(np.zeros(parameters.slots + 1))
    with pytest.raises(cipherfit.InputError, match="dimensions"):
        key.encrypt(np.zeros((2, 2)))


def test_parameters_below_128_bits_are_refused():
    with pytest.raises(cipherfit.InputError) as caught:
        ckks.Parameters(log_n=13, q_bits=[45] * 6, p_bits=[50], digits=6)
    assert caught.value.code == "insecure_parameters"


def test_keys_do_not_mix(key, evaluator, parameters, x):
    other = ckks.SecretKey(parameters)
    with pytest.raises(cipherfit.DataError, match="another secret key"):
        evaluator.use(other.encrypt(x))
    with pytest.raises(cipherfit.DataError, match="different keys"):
        key.encrypt(x, evaluator=evaluator) + other.encrypt(x)
    with pytest.raises(cipherfit.InputError, match="not pickled"):
        pickle.dumps(key)
    assert pickle.loads(pickle.dumps(parameters)) == parameters


def test_the_same_bytes_as_the_cpp_example(tmp_path):
    parameters = ckks.Parameters(log_n=14, q_bits=[50, 40, 40, 40, 40], p_bits=[48] * 3, digits=2)
    key = ckks.SecretKey(parameters)
    key.write_keys(tmp_path / "keys.cft", rotations=[3])
    x, y = (np.random.default_rng(seed).uniform(-1, 1, parameters.slots) for seed in (1, 2))
    ckks.write(tmp_path / "input.cft", parameters, [key.encrypt(x), key.encrypt(y)])

    done = subprocess.run([build / "ciphertext_files", tmp_path / "keys.cft", tmp_path / "input.cft",
                           tmp_path / "cpp.cft"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    evaluator = ckks.Evaluator(ckks.EvaluationKeys.read(tmp_path / "keys.cft"))
    a, b = evaluator.read(tmp_path / "input.cft")
    product = a * b
    results = [product + (product << 3),
               product.evaluate(ckks.Polynomial([0.5, 0.2, 0, -0.004]), scale=2.0**40)]
    ckks.write(tmp_path / "python.cft", parameters, results)
    assert (tmp_path / "python.cft").read_bytes() == (tmp_path / "cpp.cft").read_bytes()
    assert key.precision(results[0], x * y + np.roll(x * y, -3)).worst_bits > 20
    assert key.precision(results[1], 0.5 + 0.2 * x * y - 0.004 * (x * y) ** 3).worst_bits > 18


def test_damaged_files_are_refused(tmp_path, key, evaluator, parameters, x):
    file = tmp_path / "x.cft"
    ckks.write(file, parameters, [key.encrypt(x)])
    bytes_ = bytearray(file.read_bytes())
    for at in (5, 200, len(bytes_) // 2, len(bytes_) - 3):
        changed = bytearray(bytes_)
        changed[at] ^= 1
        file.write_bytes(changed)
        with pytest.raises(cipherfit.DataError):
            evaluator.read(file)
    file.write_bytes(bytes_)
    assert len(evaluator.read(file)) == 1
    with pytest.raises(cipherfit.StorageError):
        evaluator.read(tmp_path / "none.cft")


def test_a_call_costs_little_beside_the_work():
    """Adding two small ciphertexts, arithmetic included, within 20 us of the engine's own time."""
    parameters = ckks.Parameters(log_n=5, q_bits=[40, 40], p_bits=[40], digits=2,
                                 insecure_for_tests_only=True)
    key = ckks.SecretKey(parameters)
    evaluator = ckks.Evaluator(key.evaluation_keys())
    a = key.encrypt(np.ones(16), evaluator=evaluator)
    best = min(_seconds(lambda: a + a, 2000) for _ in range(5))
    print(f"{best * 1e6:.2f} us")
    assert best < 20e-6


def _seconds(call, times):
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times


def test_matrix_products_of_the_layout(key, parameters):
    random = np.random.default_rng(3)
    X, U = random.normal(size=(40, 9)), random.normal(size=(3, 9))
    layout = ckks.LaneLayout(parameters, samples=40, features=9, classes=3)
    assert np.allclose(layout.unpack_model(layout.pack_model(U)), U)
    evaluator = ckks.Evaluator(key.evaluation_keys(rotations=layout.rotations(parameters.max_level)))
    rows = ckks.EncryptedMatrix(evaluator, layout,
                                [key.encrypt(block) for block in layout.pack_features(X)])
    logits = rows.multiply_model([key.encrypt(block) for block in layout.pack_model(U)])
    assert logits[0].level == parameters.max_level - 1
    Z = layout.unpack_logits(np.array([key.decrypt(block) for block in logits]))
    assert np.abs(Z - X @ U.T).max() < 2**-8
    E = random.normal(size=(40, 3))
    gradient = rows.multiply_errors([key.encrypt(block) for block in layout.pack_logits(E)])
    G = layout.unpack_model(np.array([key.decrypt(block) for block in gradient]))
    assert np.abs(G - E.T @ X).max() < 2**-8
