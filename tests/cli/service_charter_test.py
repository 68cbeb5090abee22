#!/usr/bin/python3
"""Several owners through the service: it stores and serves their messages and trusts none."""

import hashlib
import shutil
import unittest

import grpc

from several_owners_support import Study
from service_support import Client, Server, charters_pb2, jobs_pb2, make_pki, upload_requests

code = grpc.StatusCode


class Charter(Study):
    def status_of(self, call, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **options)
        return caught.exception.code()

    def post(self, client, name, data):
        return client.upload(self.id, name, data, service="Charters", method="Post")

    def fetch(self, client, name):
        return client.download(self.id, name, service="Charters", method="Fetch")

    def board(self, client, round_=None):
        request = charters_pb2.ListBoardRequest(id=self.id)
        if round_ is not None:
            request.round = round_
        answer = client.unary("ListBoard", request, charters_pb2.ListBoardResponse, "Charters")
        return [file.name for file in answer.files]

    def test_members_post_and_fetch_and_the_server_trains(self):
        make_pki(self.home / "PKI", "alice", "bob", "eve")
        running = Server(self.home / "data", self.home / "PKI/server")
        self.addCleanup(running.kill)
        alice, bob, eve = (Client(running.port, self.home / "PKI" / name)
                           for name in ("alice", "bob", "eve"))
        for client in (alice, bob, eve):
            self.addCleanup(client.close)
        self.upload_everything()
        local = self.home / "local"
        shutil.copytree(self.study, local)
        self.assertEqual(self.serve().returncode, 0)
        expected = (self.study / "result.bin").read_bytes()

        charter = (local / "charter.bin").read_bytes()
        signed = (local / "signatures/001.sig").read_bytes()
        # Who has only seen the charter does not make it known, and says not who may take part.
        for member, given in ((0, b""), (0, signed), (99, signed), (1, signed[:-1] + b"x")):
            squat = charters_pb2.CreateCharterRequest(charter=charter, identities=["eve"],
                                                      member=member, signature=given)
            self.assertEqual(self.status_of(eve.unary, "CreateCharter", squat,
                                            service="Charters"), code.INVALID_ARGUMENT)
        create = charters_pb2.CreateCharterRequest(charter=charter, identities=["bob"], member=1,
                                                   signature=signed)
        job = alice.unary("CreateCharter", create, service="Charters")
        self.id = job.id
        self.assertEqual(bob.unary("CreateCharter", create, service="Charters").id, job.id)
        self.assertEqual(self.status_of(eve.unary, "CreateCharter", create, service="Charters"),
                         code.NOT_FOUND)
        self.assertEqual(self.fetch(bob, "charter.bin"), charter)

        # What every member would refuse is refused here already.
        name = "messages/00-01-000-all.msg"
        message = (local / name).read_bytes()
        other = (local / "messages/00-01-001-all.msg").read_bytes()
        for wrong in (other, message[:-1], message + b"x", b"x" * 400,
                      message[:-1] + bytes([message[-1] ^ 1]),
                      message[:-80] + bytes([message[-80] ^ 1]) + message[-79:]):
            self.assertEqual(self.status_of(self.post, bob, name, wrong), code.INVALID_ARGUMENT)
        for strange in ("messages/../x", "messages/00-01-000-all.msg2", "charter.bin2",
                        "messages/00-01-900-all.msg", "signatures/009.sig", "result.bin"):
            self.assertEqual(self.status_of(self.post, bob, strange, message),
                             code.INVALID_ARGUMENT, strange)
        signature = (local / "signatures/000.sig").read_bytes()
        self.assertEqual(self.status_of(self.post, bob, "signatures/001.sig", signature),
                         code.INVALID_ARGUMENT)
        self.assertEqual(self.status_of(self.post, eve, name, message), code.NOT_FOUND)

        # No more than the charter was admitted with: here all that a large message may have.
        disk = alice.unary("GetCharter", charters_pb2.GetCharterRequest(id=self.id),
                           service="Charters").cost.disk_bytes
        large = "messages/01-04-000-all.msg"
        self.assertLess(disk, 1 << 30)
        header = next(upload_requests(self.id, large, b"x"))
        header.header.bytes = disk
        self.assertEqual(self.status_of(bob.send, iter([header]), "Charters", "Post"),
                         code.RESOURCE_EXHAUSTED)

        # A part of a post is its client's own: no other replaces it, or sees it.
        half = len(message) // 2

        def part(client):
            answer = client.unary("ListBoard", charters_pb2.ListBoardRequest(id=self.id),
                                  charters_pb2.ListBoardResponse, "Charters")
            return [(file.received, file.complete) for file in answer.files if file.name == name]

        def begin(client, data, until):
            return self.status_of(client.upload, self.id, name, data, until=until,
                                  service="Charters", method="Post")
        self.assertEqual(begin(alice, message, half), code.OUT_OF_RANGE)
        self.assertEqual(part(alice), [(half, False)])
        self.assertEqual(part(bob), [(0, False)])  # what was refused above
        self.assertEqual(begin(bob, other, 10), code.OUT_OF_RANGE)
        self.assertEqual(part(bob), [(10, False)])
        self.assertEqual(part(alice), [(half, False)])
        state = alice.upload(self.id, name, message, half, service="Charters", method="Post")
        self.assertEqual((state.name, state.complete), (name, True))
        for client in (alice, bob):
            self.assertEqual(part(client), [(len(message), True)])
        self.assertEqual(self.status_of(self.post, bob, name, other), code.ALREADY_EXISTS)

        files = sorted(str(path.relative_to(local)) for folder in ("signatures", "messages")
                       for path in (local / folder).iterdir())
        for i, file in enumerate(files):
            self.post((alice, bob)[i % 2], file, (local / file).read_bytes())
        self.post(bob, name, message)  # again
        self.assertEqual(self.board(bob), sorted(["charter.bin", *files]))
        self.assertEqual(self.board(bob, 0), [f for f in files if f.startswith("messages/00-")])
        self.assertEqual(self.fetch(alice, name), message)
        self.assertEqual(self.status_of(self.post, bob, "charter.bin", charter + b"x"),
                         code.ALREADY_EXISTS)

        start = charters_pb2.StartCharterRequest(id=self.id)
        bob.unary("StartCharter", start, service="Charters")
        ended = alice.wait(self.id)
        self.assertEqual(ended.state, jobs_pb2.JOB_STATE_SUCCEEDED, ended.reason)
        self.assertEqual(hashlib.sha256(self.fetch(bob, "result.bin")).digest(),
                         hashlib.sha256(expected).digest())
        self.assertEqual(self.status_of(bob.unary, "DeleteCharter",
                                        charters_pb2.DeleteCharterRequest(id=self.id),
                                        charters_pb2.DeleteCharterResponse, "Charters"),
                         code.NOT_FOUND)
        alice.unary("DeleteCharter", charters_pb2.DeleteCharterRequest(id=self.id),
                    charters_pb2.DeleteCharterResponse, "Charters")


if __name__ == "__main__":
    unittest.main()
