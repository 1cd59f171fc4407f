"""The lock files, the bootstrap and the Makefile: what a fresh machine depends on."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
_ENTRY = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def _entries(name: str) -> dict[str, str]:
    return dict(_ENTRY.findall((ROOT / name).read_text()))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_host_and_hashes_everything(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"https?:|index-url|find-links|trusted-host|@ file", text)
    requirements = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text)).splitlines()
    assert len(requirements) == len(_entries(name)) > 20
    assert [line.split()[0] for line in requirements if line and "--hash=sha256:" not in line] == []


def test_what_is_tested_is_what_is_shipped() -> None:
    shipped, tested = (_entries(name) for name in LOCKS)
    assert shipped.items() <= tested.items()


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bootstrap_can_be_read_by_an_old_python() -> None:
    tree = ast.parse((ROOT / "tools" / "bootstrap.py").read_text(), feature_version=(3, 6))
    assert isinstance(tree, ast.Module)


def test_an_old_python_goes_on_in_a_newer_one(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text("#!/bin/sh\n")
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    started: list[list[str]] = []

    def go_on_in(_path: str, words: list[str]) -> None:
        started.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", go_on_in)
    with pytest.raises(SystemExit):
        bootstrap.use_new_enough_python()
    assert started == [[str(newer), str(ROOT / "tools" / "bootstrap.py")]]
    assert f"using {newer}" in capsys.readouterr().err


def test_without_a_newer_python_the_package_to_install_is_named(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(SystemExit):
        bootstrap.use_new_enough_python()
    assert "apt install python3.11 python3.11-venv" in capsys.readouterr().err


def test_without_the_venv_module_the_package_to_install_is_named(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit):
        bootstrap.create_venv()
    assert "apt install python3-venv" in capsys.readouterr().err


def test_the_stamp_changes_with_every_file_it_is_made_from(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    names = bootstrap.MADE_FROM
    assert {"requirements.lock", "requirements-dev.lock", "web/package-lock.json"} <= set(names)
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    stamps = {bootstrap.stamp()}
    for name in names:
        (tmp_path / name).write_text("2")
        stamps.add(bootstrap.stamp())
    assert len(stamps) == 1 + len(names)


def test_the_lock_file_of_the_front_end_has_hashes_and_no_hosts() -> None:
    locked = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    assert "://" not in json.dumps(locked)
    assert all(package["integrity"].startswith("sha512-") for name, package in locked.items() if name)


def test_make_alone_lists_the_targets() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"setup", "up", "test", "test-long", "check", "lock", "entities", "bench", "clean"} <= listed


def test_make_names_a_python_that_is_not_there() -> None:
    words = ["make", "--no-print-directory", "PYTHON=no-such-python", "setup"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no-such-python was not found" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr
