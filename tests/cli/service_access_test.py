#!/usr/bin/python3
"""Who may call the service, and what the audit log says of it."""

import signal
import subprocess
import unittest

import grpc

from cli_support import server
from service_support import Client, ServiceTest

code = grpc.StatusCode


class Certificates(ServiceTest):
    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def test_only_good_certificates_are_served(self):
        running = self.serve()
        self.client(running).info()
        none = Client(running.port, None, ca=(self.pki / "alice/ca.pem").read_bytes())
        self.addCleanup(none.close)
        self.assertEqual(self.status_of(none.info)[0], code.UNAVAILABLE)
        other = self.home / "other"
        subprocess.run([server, "init-pki", "--out", other, "--server", "localhost", "--client",
                        "alice"], check=True)
        wrong = self.client(running, **{
            "key": (other / "alice/key.pem").read_bytes(),
            "cert": (other / "alice/cert.pem").read_bytes()})
        self.assertEqual(self.status_of(wrong.info)[0], code.UNAVAILABLE)
        # Of the right authority, but of yesterday; and one that names no client.
        request, extensions = self.home / "request.pem", self.home / "extensions"
        key = self.pki / "alice/key.pem"
        self.openssl("req", "-new", "-key", key, "-subj", "/CN=alice", "-out", request)
        for names, days, expected in (("URI:cipherfit:client:alice", "-1", code.UNAVAILABLE),
                                      ("URI:someone:else", "1", code.UNAUTHENTICATED)):
            extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=clientAuth\n")
            made = self.home / "made.pem"
            self.openssl("x509", "-req", "-in", request, "-CA", self.pki / "ca/ca.pem", "-CAkey",
                         self.pki / "ca/key.pem", "-CAcreateserial", "-days", days, "-extfile",
                         extensions, "-out", made)
            client = self.client(running, cert=made.read_bytes())
            self.assertEqual(self.status_of(client.info)[0], expected, names)
        self.client(running).info()

    def test_a_revoked_certificate_ends_with_sighup(self):
        running = self.serve()
        alice, bob = self.client(running), self.client(running, "bob")
        bob.info()
        subprocess.run([server, "init-pki", "--out", self.pki, "--revoke", "bob"], check=True)
        running.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: running.events("certificates_reloaded"))
        status, details = self.status_of(bob.info)  # on the connection that it has
        self.assertEqual(status, code.UNAUTHENTICATED)
        self.assertIn("revoked", details)
        alice.info()
        # Named again, who was revoked gets another certificate.
        subprocess.run([server, "init-pki", "--out", self.pki, "--client", "bob"], check=True)
        self.client(running, "bob").info()
        self.assertEqual(self.status_of(bob.info)[0], code.UNAUTHENTICATED)
        # A list that is gone gives nobody's access back.
        (self.pki / "server/crl.pem").unlink()
        running.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: running.events("certificates_kept"))
        self.assertEqual(self.status_of(bob.info)[0], code.UNAUTHENTICATED)
        # What cannot be used changes nothing.
        (self.pki / "server/cert.pem").write_text("none")
        running.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: len(running.events("certificates_kept")) == 2)
        self.client(running).info()

    def test_the_authoritys_files_are_private_and_are_added_to(self):
        for path in (self.pki, self.pki / "ca", self.pki / "ca/key.pem", self.pki / "alice/key.pem",
                     self.pki / "server/key.pem"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        before = (self.pki / "alice/cert.pem").read_bytes()
        subprocess.run([server, "init-pki", "--out", self.pki, "--client", "carol", "--client",
                        "alice"], check=True)
        self.assertEqual((self.pki / "alice/cert.pem").read_bytes(), before)
        self.client(self.serve(), "carol").info()
        refused = subprocess.run([server, "init-pki", "--out", self.pki, "--client", "A/B"],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertEqual(len(refused.stderr.splitlines()), 1)


class AuditLog(ServiceTest):
    def verify(self, *arguments):
        return subprocess.run([server, "audit", "verify", *arguments], capture_output=True,
                              text=True, check=False)

    def test_a_changed_byte_names_its_entry(self):
        running = self.serve()
        self.client(running).info()
        running.terminate()
        log = self.data / "audit.log"
        whole = log.read_bytes()
        self.assertEqual(self.verify("--data", self.data).returncode, 0)
        lines = whole.splitlines(keepends=True)
        self.assertEqual(len(lines), 2)
        start = 0
        for number, line in enumerate(lines, 1):
            for at in range(0, len(line), 7):
                changed = bytearray(whole)
                changed[start + at] ^= 1
                log.write_bytes(changed)
                result = self.verify("--file", log)
                self.assertEqual(result.returncode, 2, (number, at))
                self.assertRegex(result.stderr, rf"entry {number}\b")
            start += len(line)
        log.write_bytes(lines[0])  # the end cut off: only the database knows
        self.assertEqual(self.verify("--file", log).returncode, 0)
        result = self.verify("--data", self.data)
        self.assertEqual(result.returncode, 2)
        self.assertIn("entry 2 is missing", result.stderr)


if __name__ == "__main__":
    unittest.main()
