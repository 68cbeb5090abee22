#!/usr/bin/python3
"""Who may call the service, and what the audit log says of it."""

import shutil
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

    def sign(self, request, authority, out, extensions, *options):
        file = self.home / "extensions"
        file.write_text(extensions)
        self.openssl("x509", "-req", "-in", request, "-CA", authority / "ca.pem", "-CAkey",
                     authority / "key.pem", "-CAcreateserial", "-days", "1", "-extfile", file,
                     "-out", out, *options)

    def test_an_authority_below_the_services_makes_no_clients(self):
        # init-pki's own authority may have none below it.
        request, top, below = (self.home / name for name in ("request.pem", "top", "below"))
        identity = self.pki / "server"
        for directory in (top, below):
            directory.mkdir()
            self.openssl("genrsa", "-out", directory / "key.pem", "2048")
        self.openssl("req", "-x509", "-key", top / "key.pem", "-subj", "/CN=top", "-days", "1",
                     "-out", top / "ca.pem")
        signs = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n"
        alice = "subjectAltName=URI:cipherfit:client:alice\nextendedKeyUsage=clientAuth\n"
        made = [self.home / f"made{i}.pem" for i in range(2)]
        for key, authority, out, extensions in (
                (below / "key.pem", top, below / "ca.pem", signs),
                (identity / "key.pem", top, identity / "cert.pem",
                 "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n"),
                (self.pki / "alice/key.pem", top, made[0], alice),
                (self.pki / "alice/key.pem", below, made[1], alice)):
            self.openssl("req", "-new", "-key", key, "-subj", f"/CN={out.parent.name}", "-out",
                         request)
            self.sign(request, authority, out, extensions)
        shutil.copy(top / "ca.pem", identity / "ca.pem")
        (identity / "crl.pem").unlink(missing_ok=True)
        running = self.serve()
        root = (top / "ca.pem").read_bytes()
        self.client(running, ca=root, cert=made[0].read_bytes()).info()
        chain = made[1].read_bytes() + (below / "ca.pem").read_bytes()
        status, details = self.status_of(self.client(running, ca=root, cert=chain).info)
        self.assertEqual(status, code.UNAUTHENTICATED)
        self.assertIn("authority itself", details)

    def refused_start(self):
        result = subprocess.run([server, "serve", "--listen", "127.0.0.1:0", "--data", self.data,
                                 "--pki", self.pki / "server"], capture_output=True, text=True,
                                check=False, timeout=60)
        self.assertEqual(result.returncode, 2)
        return result.stderr

    def test_one_authority_and_a_list_in_force_are_wanted(self):
        other = self.home / "other"
        subprocess.run([server, "init-pki", "--out", other, "--server", "localhost"], check=True)
        authority = self.pki / "server/ca.pem"
        one = authority.read_bytes()
        authority.write_bytes(one + (other / "ca/ca.pem").read_bytes())
        self.assertIn("one authority", self.refused_start())
        authority.write_bytes(one)
        config, index = self.home / "config", self.home / "index"
        index.touch()
        config.write_text(f"[ca]\ndefault_ca=one\n[one]\ndatabase={index}\n"
                          "default_md=sha256\n")
        crl = self.pki / "server/crl.pem"
        self.openssl("ca", "-gencrl", "-config", config, "-cert", self.pki / "ca/ca.pem",
                     "-keyfile", self.pki / "ca/key.pem", "-crl_lastupdate", "20200101000000Z",
                     "-crl_nextupdate", "20200102000000Z", "-out", crl)
        self.assertIn("out of date", self.refused_start())
        crl.unlink()
        self.client(self.serve()).info()

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
