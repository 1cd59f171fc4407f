"""Secrets that a network needs in clear (RADIUS must know a password to check EAP-MD5 or MS-CHAP), kept sealed.

Whoever provisions seals with the installation's public key, which is in the database; only a process that holds the
private key, a file of the installation's home, can open. A copy of the database alone reveals no password.

Sealing: an ephemeral X25519 key agreement, HKDF-SHA256, ChaCha20-Poly1305 with the subscriber's key as associated data,
so that a sealed secret cannot be moved to another row.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trunkline.kernel.errors import Precondition

KEY_FILE = "subscriber-secrets.key"
_NONCE = b"\0" * 12  # each message has a key of its own, so one nonce is enough
_POINT = 32


class OpeningKey:
    """The private key: opens what was sealed with its public part."""

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private

    @property
    def public(self) -> bytes:
        """The public part, to be published with `aaa.publish_key`."""
        return self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes, bound_to: str) -> str:
        """The secret. Raises Precondition when it was sealed with another key or for something else."""
        agreed = self._private.exchange(X25519PublicKey.from_public_bytes(sealed[:_POINT]))
        try:
            clear = _cipher(agreed, sealed[:_POINT], self.public).decrypt(_NONCE, sealed[_POINT:], bound_to.encode())
        except InvalidTag as error:
            raise Precondition(
                "secretNotOpened",
                "A subscriber's secret cannot be opened with this installation's key.",
                hint=f"Bring back the file {KEY_FILE} that belongs to this database.",
            ) from error
        return clear.decode()


def load_key(home: Path) -> OpeningKey:
    """The key in an installation's home folder; made there (mode 0600) at the first call. Safe when several processes
    start at once: the first one's key counts."""
    path = home / KEY_FILE
    if not path.exists():
        _create(path)
    return OpeningKey(X25519PrivateKey.from_private_bytes(path.read_bytes()))


def seal(secret: str, public: bytes, bound_to: str) -> bytes:
    """The secret sealed for the holder of the private key, tied to `bound_to`."""
    ephemeral = X25519PrivateKey.generate()
    point = ephemeral.public_key().public_bytes_raw()
    agreed = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    return point + _cipher(agreed, point, public).encrypt(_NONCE, secret.encode(), bound_to.encode())


def _cipher(agreed: bytes, point: bytes, public: bytes) -> ChaCha20Poly1305:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"trunkline subscriber secret" + point + public)
    return ChaCha20Poly1305(key.derive(agreed))


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(X25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails when another process was first; its key is then ours too
        except FileExistsError:
            pass
    finally:
        draft.unlink()
