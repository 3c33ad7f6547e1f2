"""JSON Web Tokens and their keys, for tests: signed by the openssl program, or here by HMAC."""

import base64
import hashlib
import hmac
import json
import os
import subprocess

KINDS = {
    "RS256": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ES256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "EdDSA": ("-algorithm", "ed25519"),
}


def openssl(*arguments, given=None):
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_signature(der):
    """The two numbers of a DER sequence, 32 bytes each."""
    numbers, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        numbers += der[at + 2 : at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return numbers


class Secret:
    algorithm = "HS256"

    def __init__(self, secret):
        self.secret = secret

    def sign(self, data):
        return hmac.new(self.secret, data, hashlib.sha256).digest()

    def jwk(self, **more):
        return {"kty": "oct", "k": encode(self.secret), **more}


class Pair:
    """A key pair in two files of a folder: NAME.key and NAME.pem."""

    def __init__(self, folder, name, algorithm):
        self.algorithm = algorithm
        self.private, self.public = (os.path.join(folder, name + end) for end in (".key", ".pem"))
        openssl("genpkey", *KINDS[algorithm], "-out", self.private)
        openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def sign(self, data):
        if self.algorithm == "EdDSA":
            given = self.private + ".signed"
            with open(given, "wb") as out:
                out.write(data)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in", given)
        signature = openssl("dgst", "-sha256", "-sign", self.private, given=data)
        return raw_signature(signature) if self.algorithm == "ES256" else signature

    def jwk(self, **more):
        if self.algorithm == "RS256":
            said = openssl("rsa", "-pubin", "-in", self.public, "-noout", "-modulus").decode()
            modulus = bytes.fromhex(said.strip().partition("=")[2])
            return {"kty": "RSA", "n": encode(modulus), "e": "AQAB", **more}
        der = openssl("pkey", "-pubin", "-in", self.public, "-outform", "DER")
        if self.algorithm == "EdDSA":
            return {"kty": "OKP", "crv": "Ed25519", "x": encode(der[-32:]), **more}
        return {"kty": "EC", "crv": "P-256", "x": encode(der[-64:-32]), "y": encode(der[-32:]), **more}


def make(key, claims, header=None, **more):
    """A token. header: in the place of the usual one; more: members beside it. claims: a dict, or
    the payload as text."""
    if header is None:
        header = {"alg": key.algorithm, "typ": "JWT", **more}
    parts = [one if isinstance(one, str) else json.dumps(one) for one in (header, claims)]
    signed = ".".join(encode(part.encode()) for part in parts)
    return signed + "." + encode(key.sign(signed.encode()))
