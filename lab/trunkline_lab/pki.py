"""Throw-away keys: the operator's SSH key, and a certificate authority with the access gateway's certificate."""

import subprocess
from pathlib import Path

from trunkline_lab.home import Home
from trunkline_lab.templates import write

_EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def make_ssh_keys(home: Home) -> None:
    """The operator's key pair and the host key all routers share."""
    for name in ("operator_key", "ssh_host_key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "trunkline-lab", "-f", str(home.root / name))


def make_gateway_certificate(home: Home, swanctl: Path) -> None:
    """A certificate for bng.lab below `swanctl`, signed by an authority of 30 days."""
    for name in ("x509", "x509ca", "private"):
        (swanctl / name).mkdir(parents=True, exist_ok=True)
    authority, authority_key = swanctl / "x509ca" / "ca.pem", home.root / "ca.key"
    request, extensions = home.root / "bng.csr", home.root / "bng.ext"
    write(extensions, "subjectAltName=DNS:bng.lab\n")
    _run(
        *("openssl", "req", "-x509", *_EC_KEY, "-days", "30", "-subj", "/CN=lab-ca"),
        *("-keyout", str(authority_key), "-out", str(authority)),
    )
    _run(
        *("openssl", "req", *_EC_KEY, "-subj", "/CN=bng.lab"),
        *("-keyout", str(swanctl / "private" / "bng.key"), "-out", str(request)),
    )
    _run(
        *("openssl", "x509", "-req", "-in", str(request), "-days", "30", "-extfile", str(extensions)),
        *("-CA", str(authority), "-CAkey", str(authority_key), "-CAcreateserial"),
        *("-out", str(swanctl / "x509" / "bng.pem")),
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
