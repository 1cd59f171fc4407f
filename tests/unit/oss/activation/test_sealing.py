"""Sealed secrets: opened by the key's file alone, tied to their subscriber."""

from pathlib import Path

import pytest

from trunkline.kernel.errors import Precondition
from trunkline.oss.activation.sealing import KEY_FILE, load_key, seal


def test_what_is_sealed_is_opened_by_the_same_home(tmp_path: Path) -> None:
    sealed = seal("pässwort", load_key(tmp_path).public, "t1/alice")
    assert load_key(tmp_path).open(sealed, "t1/alice") == "pässwort"
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_the_same_secret_looks_different_each_time(tmp_path: Path) -> None:
    public = load_key(tmp_path).public
    assert seal("secret", public, "t1/alice") != seal("secret", public, "t1/alice")
    assert b"secret" not in seal("secret", public, "t1/alice")


def test_another_home_or_another_subscriber_cannot_open(tmp_path: Path) -> None:
    key = load_key(tmp_path / "one")
    sealed = seal("secret", key.public, "t1/alice")
    for other, bound_to in ((load_key(tmp_path / "two"), "t1/alice"), (key, "t1/bob"), (key, "t2/alice")):
        with pytest.raises(Precondition) as refused:
            other.open(sealed, bound_to)
        assert refused.value.code == "secretNotOpened"
        assert "secret" not in refused.value.reason.replace("subscriber's secret", "")
