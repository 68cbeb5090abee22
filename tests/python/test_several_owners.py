"""Charter and Member: the rules of several owners hold from Python, and mistakes say what to do."""

import stat
import subprocess
import warnings

import numpy as np
import pytest
from conftest import build

import cipherfit
from cipherfit import Charter, Member


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three clinics whose key is made, and whose sums are uploaded; and their rows."""
    home = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(3)
    labels = np.arange(72) % 3
    rows = 2 * random.normal(size=(3, 4))[labels] + random.normal(size=(72, 4))
    clinics = [Member.create(home / f"private-{k}", f"Clinic {k}") for k in range(3)]
    registry = Member.create(home / "private-r", "Registry")
    charter = Charter.create(home / "shared", title="three clinics", members=clinics[:2],
                             contributors=[clinics[2].card], recipient=registry, threshold=2,
                             features=4, classes=["ash", "birch", "cedar"], iterations=2, ridge=0.05)
    names = np.array(["ash", "birch", "cedar"])[labels]
    return home, charter, clinics, registry, rows, names


def test_nothing_happens_before_all_have_signed(study):
    _, charter, clinics, registry, rows, names = study
    assert charter.unsigned == ["Clinic 0", "Clinic 1", "Clinic 2", "Registry"]
    with pytest.raises(cipherfit.DataError, match="another charter"):
        clinics[0].sign(charter, digest="00" * 32)
    assert clinics[0].sign(charter, digest=charter.digest) == charter.digest
    with pytest.raises(cipherfit.InputError, match="sign"):
        clinics[0].contribute(charter, rows[:24], names[:24])
    for party in (*clinics[1:], registry):
        party.sign(charter)
    assert charter.unsigned == []


def test_rows_that_do_not_fit_are_refused(study):
    _, charter, clinics, _, rows, names = study
    with pytest.raises(cipherfit.InputError, match="3 columns, and the charter has 4"):
        clinics[0].contribute(charter, rows[:24, :3], names[:24])
    with pytest.raises(cipherfit.InputError, match="'oak'.*give those"):
        clinics[0].contribute(charter, rows[:24], ["oak"] * 24)
    with pytest.raises(ValueError):
        clinics[0].contribute(charter, rows[:24], names[:23])


def test_from_rows_to_a_model(study):
    home, charter, clinics, registry, rows, names = study
    with pytest.raises(cipherfit.DataError, match="not uploaded everything"):
        charter.train(progress=False)
    for k, clinic in enumerate(clinics):
        clinic.contribute(charter, rows[k::3], names[k::3])
    with pytest.raises(cipherfit.InputError, match="still waits for .*let those"):
        clinics[0].step(charter, wait=0.1)
    with pytest.raises(cipherfit.InputError, match="waiting for"):
        clinics[0].verify(charter, progress=False)
    for _ in range(20):
        steps = [party.step(charter) for party in (*clinics, registry)]
        if all(step.done for step in steps):
            break
    assert all(step.done for step in steps), steps
    for k in range(3):
        assert stat.S_IMODE((home / f"private-{k}").stat().st_mode) == 0o700
    assert charter.train(progress=False) > 0

    told = []
    digest = clinics[0].verify(charter, progress=lambda *report: told.append(report))
    # The command line goes on where Python left off: it says the same of the same result.
    done = subprocess.run([build / "cipherfit", "member", "verify", "--member", clinics[1].directory,
                           "--charter", charter.directory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digest in (done.stdout + done.stderr).replace(" ", "")

    assert registry.open_model(charter, progress=False) is None
    for _ in range(3):
        for clinic in clinics[:2]:
            clinic.release(charter)
    model = Member(registry.directory).open_model(Charter(charter.directory), progress=False, wait=1)
    assert model.score(rows, names) > 0.9
    assert model.decision_function(rows[:5]).shape == (5, 3)
    assert set(model.predict(rows)) == {"ash", "birch", "cedar"}


def test_rows_of_one_charter_are_refused_by_another(study):
    home, charter, clinics, registry, rows, names = study
    other = Charter.create(home / "other", title="again", members=clinics[:2], recipient=registry,
                           threshold=2, features=4, classes=["ash", "birch", "cedar"])
    for party in (*clinics[:2], registry):
        party.sign(other)
    with pytest.raises(cipherfit.InputError, match="another"):
        clinics[0].contribute(other, rows[0::3], names[0::3])


def test_charters_that_cannot_be_are_refused(study):
    home, _, clinics, registry, _, _ = study
    terms = {"title": "x", "members": clinics, "recipient": registry, "features": 4, "classes": [0, 1]}
    with pytest.raises(cipherfit.InputError, match="only bring rows"):
        Charter.create(home / "none", threshold=4, **terms)
    with pytest.raises(cipherfit.InputError, match="no option 'iterations_'"):
        Charter.create(home / "none", threshold=2, iterations_=3, **terms)
    with pytest.raises(cipherfit.InputError, match="kappa='much'"):
        Charter.create(home / "none", threshold=2, kappa="much", **terms)
    assert not (home / "none").exists()
    with pytest.raises(cipherfit.Error):
        Charter(home / "none")
    with pytest.raises(cipherfit.Error):
        Member(home / "nobody")
    with pytest.raises(cipherfit.Error):
        Charter.create(home / "none", threshold=2, **{**terms, "recipient": b"no card"})


def test_sums_that_few_rows_could_be_solved_from_are_warned_of(study):
    home, safe, clinics, registry, _, _ = study
    assert safe.caution is None
    terms = {"title": "x", "members": clinics, "recipient": registry, "threshold": 2,
             "features": 4, "classes": [0, 1], "preparation": "whitened", "components": 3}
    with pytest.warns(cipherfit.CautionWarning, match="4 rows or fewer could be solved for.*give a larger"):
        charter = Charter.create(home / "few", smallest_rows=0, **terms)
    shown = subprocess.run([build / "cipherfit", "charter", "show", charter.directory],
                           capture_output=True, text=True, check=True).stdout
    assert "CAUTION" in shown and charter.caution.split(":")[0] in shown
    with pytest.warns(cipherfit.CautionWarning):
        clinics[0].sign(charter)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Charter.create(home / "many", smallest_rows=500, **terms).caution is None
