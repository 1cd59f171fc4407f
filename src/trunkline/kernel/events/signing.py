"""Signed notifications: a subscriber can tell that they come from here and were not changed on the way.

Each subscription has a secret of its own, told once, in the answer to its creation. It is not stored: it follows from the
installation's key, a file in its home, and the subscription's id. A notification carries `X-Hub-Signature-256:
sha256=<hex>`, the HMAC-SHA256 of its body under that secret.
"""

import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

KEY_FILE = "hub-signing.key"
HEADER = "X-Hub-Signature-256"
_KEY_OCTETS = 32


class Signer:
    """Knows the secrets of all subscriptions."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def secret(self, tenant: str, subscription_id: str) -> str:
        """The subscription's secret, as its subscriber was told it."""
        derived = hmac.digest(self._key, f"{tenant}\n{subscription_id}".encode(), "sha256")
        return urlsafe_b64encode(derived).rstrip(b"=").decode()

    def signature(self, tenant: str, subscription_id: str, content: bytes) -> str:
        """The header's value for a notification's body."""
        return f"sha256={hmac.new(self.secret(tenant, subscription_id).encode(), content, 'sha256').hexdigest()}"


def load_signer(home: Path) -> Signer:
    """With the key of the installation's home; made there (mode 0600) at the first call. Several processes may start at
    once: the first one's key counts."""
    path = home / KEY_FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_OCTETS))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return Signer(path.read_bytes())
