"""Certificates for the tests of TLS, made with openssl when they are needed, so that none expires; and contexts of clients
that trust them."""

import os
import ssl
import subprocess
import time


CURVE = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def openssl(*arguments, **how):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, **how)
    if done.returncode != 0:
        raise AssertionError("openssl %s: %s" % (" ".join(arguments), done.stderr))
    return done.stdout


def backdated_days():
    """How this openssl makes a certificate that has expired."""
    has_dates = "-not_after" in subprocess.run(["openssl", "x509", "-help"], capture_output=True, text=True).stderr
    return ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"] if has_dates else ["-days", "-1"]


class Authority:
    """A CA of the test's own, with all that it signs in one folder."""

    def __init__(self, folder, name="Test CA"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, "ca.pem")
        self.key = os.path.join(folder, "ca.key")
        self._make_key(self.key)
        openssl(
            "req", "-x509", "-new", "-key", self.key, "-out", self.path, "-days", "60", "-subj", "/CN=" + name,
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def _make_key(self, path, kind=CURVE):
        openssl("genpkey", *kind, "-out", path)
        os.chmod(path, 0o600)

    def issue(self, name, names="", days=30, expired=False, subject=None, kind=CURVE):
        """A certificate with its chain in NAME.pem, its key in NAME.key; both are replaced at once.
        names: a subjectAltName, as openssl writes it."""
        base = os.path.join(self.folder, name)
        request, extensions = base + ".csr", base + ".ext"
        self._make_key(base + ".new.key", kind)
        openssl("req", "-utf8", "-new", "-key", base + ".new.key", "-subj", subject or "/CN=" + name, "-out", request)
        with open(extensions, "w", encoding="ascii") as out:
            out.write("basicConstraints=critical,CA:FALSE\n")
            if names:
                out.write("subjectAltName=%s\n" % names)
        lasts = backdated_days() if expired else ["-days", str(days)]
        openssl(
            "x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key, "-CAcreateserial",
            "-extfile", extensions, "-out", base + ".new.pem", *lasts,
        )  # fmt: skip
        with open(base + ".new.pem", "a", encoding="ascii") as chain, open(self.path, encoding="ascii") as authority:
            chain.write(authority.read())
        os.rename(base + ".new.key", base + ".key")
        os.rename(base + ".new.pem", base + ".pem")
        return {"certificate": base + ".pem", "key": base + ".key"}

    def shorten(self, pair, seconds):
        """Signs what it has issued anew: a certificate for the same key that ends in so many seconds."""
        base = pair["certificate"][: -len(".pem")]
        database, settings = base + ".database", base + ".cnf"
        with open(database, "w", encoding="ascii"):
            pass
        with open(settings, "w", encoding="ascii") as out:
            out.write("[ca]\ndefault_ca=all\n[all]\ndatabase=%s\nrand_serial=yes\n" % database)
            out.write("new_certs_dir=%s\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n" % self.folder)
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
        openssl(
            "ca", "-batch", "-notext", "-config", settings, "-cert", self.path, "-keyfile", self.key, "-in", base + ".csr",
            "-out", base + ".pem", "-startdate", "20200101000000Z", "-enddate", end,
        )  # fmt: skip

    def context(self, pair=None, version=None):
        """A client that trusts this CA. pair: its own certificate. version: of ssl.TLSVersion."""
        context = ssl.create_default_context(cafile=self.path)
        if pair:
            context.load_cert_chain(pair["certificate"], pair["key"])
        if version:
            context.minimum_version = context.maximum_version = version
        return context


def fingerprint(path):
    """SHA-256 of the first certificate in a file, as toni writes it."""
    text = openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256")
    return text.split("=", 1)[1].strip().replace(":", "").lower()
