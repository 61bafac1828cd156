# SPDX-License-Identifier: MIT
# Certificates of a test: a CA, a server and a client that it signed, and a CA that nobody knows.
"""Files for TLS, made by openssl(1)."""

from __future__ import annotations

import pathlib
import subprocess


class Certificates:
    """ca, server, client and other: each a .crt and a .key in a folder that all can read."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for path in (folder, *folder.parents):
            if path == pathlib.Path("/tmp"):
                break
            path.chmod(path.stat().st_mode | 0o055)
        self._openssl("req", "-x509", *self._key("ca"), "-days", "2", "-subj", "/CN=test CA",
                      "-out", "ca.crt")
        for name, extension in (("server", "subjectAltName=IP:127.0.0.1"),
                                ("client", "extendedKeyUsage=clientAuth")):
            self._openssl("req", "-new", *self._key(name), "-subj", f"/CN={name}",
                          "-out", f"{name}.csr")
            (folder / "extensions").write_text(extension)
            self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey",
                          "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions",
                          "-out", f"{name}.crt")
        self._openssl("req", "-x509", *self._key("other"), "-days", "2", "-subj", "/CN=other CA",
                      "-out", "other.crt")
        for path in folder.iterdir():
            path.chmod(0o644)

    @staticmethod
    def _key(name: str) -> list[str]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{name}.key"]

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)
