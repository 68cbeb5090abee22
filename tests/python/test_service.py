"""A service that trains, from Python: the same bytes as by files; jobs; what is refused."""

import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import cipherfit
from cipherfit import Charter, Client, EncryptedClassifier, Member, Session

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
from remote_support import Service, free_port  # noqa: E402

simple = {"features": "standardised", "iterations": 1, "progress": False}
# Some seconds of the server's work, so that a job can be met while it runs.
longer = {"features": "standardised", "iterations": 4, "solver": "primal", "sigmoid_range": 12.0,
          "step": 0.5, "rehearse": False, "components": 6, "progress": False}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    place = tmp_path_factory.mktemp("service")
    running = Service(place, clients=("alice", "north", "south", "registry")).start()
    yield running
    running.end()


@pytest.fixture
def client(service):
    return Client(service.address, service.identity("alice"), patience=60)


def test_a_fit_at_a_service(service, client, blobs):
    X, y = blobs
    model = EncryptedClassifier(server=service.address, identity=service.identity("alice"),
                                **simple).fit(X, y)
    report = model.report_
    assert 0 < report.weight_error < report.weight_error_bound
    assert np.array_equal(model.predict(X),
                          EncryptedClassifier(fhe="disable", **simple).fit(X, y).predict(X))
    assert 0 < report.timings["train_seconds"] <= report.timings["service_seconds"]
    assert model.cost_["peak_rss_bytes"] > 1e6
    assert client.jobs() == [], "what is done is deleted"


def test_the_service_computes_the_bytes_that_a_server_process_computes(client, blobs, tmp_path):
    X, y = blobs
    session = Session(X, y, **simple)
    session.send(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    cipherfit.train(tmp_path / "here", progress=False)
    phases = []
    assert client.train(tmp_path / "there", progress=lambda *told: phases.append(told[0])) > 0
    assert phases
    assert ((tmp_path / "here/model.cft").read_bytes() ==
            (tmp_path / "there/model.cft").read_bytes())
    assert session.decrypt(tmp_path / "there").score(X, y) > 0.9
    assert [job.state for job in client.jobs()] == ["succeeded"]
    client.train(tmp_path / "there", progress=False)  # the model is there already
    client.forget(tmp_path / "there")
    assert client.jobs() == []


def test_a_job_that_was_cancelled_goes_on(client, blobs, tmp_path):
    X, y = blobs
    session = Session(X, y, **longer)
    session.send(tmp_path / "job")

    def leave(phase, share, detail):
        if phase.startswith("server:"):
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        client.train(tmp_path / "job", progress=leave)
    job, = client.jobs()
    assert job.state == "running", "the call ended, the job did not"
    client.cancel(job)
    end = time.monotonic() + 60
    while client.jobs()[0].state == "running" and time.monotonic() < end:
        time.sleep(0.05)
    assert client.jobs()[0].state == "cancelled"
    assert client.train(tmp_path / "job", progress=False) > 0
    assert session.decrypt(tmp_path / "job").score(X, y) > 0.8
    client.forget(client.jobs()[0])
    assert client.jobs() == []


def test_who_asks(service, client):
    info = client.info()
    assert info.client == "alice" and info.version == cipherfit.__version__
    with pytest.raises(cipherfit.InputError, match="ca.pem"):
        Client(service.address, "/nowhere")
    with pytest.raises(cipherfit.InputError):
        Client("no port", service.identity("alice"))
    with pytest.raises(cipherfit.Error, match=f"localhost:{(port := free_port())}"):
        Client(f"localhost:{port}", service.identity("alice"), patience=0.2).info()


def test_mistakes_are_refused_before_anything_is_sent(client, blobs, tmp_path):
    with pytest.raises(cipherfit.InputError, match="server and identity go together"):
        EncryptedClassifier(server="localhost:7443").fit(*blobs)
    with pytest.raises(cipherfit.InputError, match="no directory of a job"):
        client.train(tmp_path / "nowhere")
    with pytest.raises(cipherfit.InputError, match="no job in it"):
        client.train(tmp_path)
    with pytest.raises(cipherfit.InputError, match="was not sent"):
        Session(*blobs, **simple).send(tmp_path / "job")
        client.forget(tmp_path / "job")


def test_a_charter_on_the_service(service, tmp_path):
    """Each member has a copy of the directory, and the service what is in all of them."""
    random = np.random.default_rng(3)
    labels = np.arange(72) % 3
    rows = 2 * random.normal(size=(3, 4))[labels] + random.normal(size=(72, 4))
    members = {name: Member.create(tmp_path / f"private-{name}", name)
               for name in ("north", "south", "registry")}
    first = Charter.create(tmp_path / "north", title="two clinics",
                           members=[members["north"], members["south"]],
                           recipient=members["registry"], threshold=2, features=4,
                           classes=[0, 1, 2], iterations=2, ridge=0.05)
    charters = {name: first for name in members}
    for name in ("south", "registry"):
        shutil.copytree(tmp_path / "north", tmp_path / name)
        charters[name] = Charter(tmp_path / name)
    clients = {name: Client(service.address, service.identity(name), patience=60)
               for name in members}

    def synchronise(name):
        clients[name].synchronise(charters[name], progress=False,
                                  clients=[other for other in members if other != name])

    for name, member in members.items():
        member.sign(charters[name], digest=first.digest)
        synchronise(name)
    for name in members:
        synchronise(name)
        assert charters[name].unsigned == []
    members["north"].contribute(charters["north"], rows[0::2], labels[0::2])
    members["south"].contribute(charters["south"], rows[1::2], labels[1::2])
    with pytest.raises(cipherfit.InputError, match="missing"):
        clients["registry"].train_charter(charters["registry"], progress=False)
    for _ in range(20):
        done = []
        for name, member in members.items():
            synchronise(name)
            done.append(member.step(charters[name]).done)
            synchronise(name)
        if all(done):
            break
    assert all(done)
    clients["registry"].train_charter(charters["registry"], progress=False)
    for name in ("north", "south"):
        synchronise(name)
        members[name].verify(charters[name], progress=False)
    opened = None
    for _ in range(3):
        for name in ("registry", "north", "south"):
            synchronise(name)
            if name == "registry":
                opened = members[name].open_model(charters[name], progress=False)
            else:
                members[name].release(charters[name])
            synchronise(name)
    assert opened is not None and opened.score(rows, labels) > 0.9
