"""The certificate of servers that speak TLS: P-256, its own issuer, made when it is needed."""

import os
import subprocess
import tempfile


class Certificate:
    """`path` and `key` are files in a folder that ends with this object."""

    def __init__(self, folder=None):
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="toni-bench-tls-")
        folder = folder or self.temporary.name
        self.path = os.path.join(folder, "host.pem")
        self.key = os.path.join(folder, "host.key")
        self.issue()

    def issue(self):
        """Another one, in place of the one before: each file changes at once."""
        for path in (self.path, self.key):  # openssl would keep the mode of what is there
            if os.path.exists(path + ".new"):
                os.remove(path + ".new")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "60", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", self.key + ".new", "-out", self.path + ".new"],
            check=True,
            capture_output=True,
        )
        os.chmod(self.key + ".new", 0o600)
        os.rename(self.key + ".new", self.key)
        os.rename(self.path + ".new", self.path)
