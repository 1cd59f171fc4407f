"""Make `.venv` hold exactly what the lock files name, and Trunkline itself as an editable install.

Run by `make setup` with whatever `python3` the machine has, so this file uses the standard library only and
keeps to syntax that an old Python can parse: then it can say what is wrong instead of failing on itself.
Does nothing when the environment is current, which a stamp in `.venv` tells.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements-dev.lock")
STAMP = os.path.join(VENV, ".setup-stamp")
ASSETS = os.path.join(ROOT, "src", "trunkline", "app", "assets", ".stamp")
MADE_FROM = (
    "requirements.lock",
    "requirements-dev.lock",
    "pyproject.toml",
    "web/package-lock.json",
    "tools/assets.py",
    "tools/bootstrap.py",
)
# What pip was told about where packages come from, said again in uv's words: uv reads none of pip's settings.
FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def main():
    """Bring `.venv` up to date; a second run returns at once."""
    use_new_enough_python()
    import fcntl  # not at the top: this is the first line that needs a POSIX system

    folder = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # two `make` at once: the second waits, then finds the stamp
    wanted = stamp()
    if is_current(wanted):
        return
    say("setting up .venv (the first time takes about a minute)")
    if not os.path.exists(os.path.join(VENV, "bin", "uv")) or not same_python():
        create_venv()
        install_uv()
    if os.path.exists(STAMP):
        os.remove(STAMP)  # from here on the environment is what it is only when all went well
    uv("sync", "--require-hashes", "--no-build", "--quiet", LOCK, hint=WHEEL_HINT)
    uv("install", "--no-deps", "--no-build-isolation", "--quiet", "--editable", ROOT)
    run([python(), os.path.join(ROOT, "tools", "assets.py")], "The front-end packages are missing.")
    with open(STAMP, "w") as file:
        file.write(wanted)
    say("done: .venv/bin/trunkline")


WHEEL_HINT = (
    "If a package has no wheel for this machine: Trunkline runs on Linux (x86_64 or arm64, glibc 2.28 or newer) and on\n"
    "macOS with CPython 3.11 to 3.14. If the network failed, run it again: what was fetched is kept."
)


def use_new_enough_python():
    """Go on in the newest suitable Python when `python3` is too old."""
    if sys.version_info >= OLDEST:
        return
    for name in NEWER:
        path = shutil.which(name)
        if path:
            say("python3 is %s, too old; using %s" % (sys.version.split()[0], path))
            os.execv(path, [path, os.path.abspath(__file__)])
    stop(
        "Python 3.11 or newer is needed; python3 is %s, and none of %s is on the path."
        % (sys.version.split()[0], ", ".join(reversed(NEWER))),
        "Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv; Fedora: dnf install python3.11;\n"
        "macOS: brew install python@3.13), or say where it is: make PYTHON=/path/to/python setup",
    )


def stamp():
    """A hash of everything that the environment is made from."""
    digest = hashlib.sha256((sys.version + sys.base_prefix + VENV).encode())
    for name in MADE_FROM:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def is_current(wanted):
    """True when the stamp is the wanted one and the environment still runs."""
    try:
        with open(STAMP) as file:
            return file.read() == wanted and all(map(os.path.exists, (os.path.join(VENV, "bin", "trunkline"), ASSETS)))
    except OSError:
        return False


def same_python():
    """True when `.venv` runs, here, and on the Python that runs this."""
    program = "import sys; print(sys.version, sys.base_prefix, sys.prefix, sep='\\n')"
    mine = "\n".join((sys.version, sys.base_prefix, VENV))
    try:
        found = subprocess.run([python(), "-c", program], stdout=subprocess.PIPE, universal_newlines=True)
    except OSError:
        return False
    return found.stdout.strip() == mine


def create_venv():
    """Make an empty `.venv`, or say which package the venv module is in."""
    try:
        import ensurepip  # noqa: F401  (only looked for: Debian ships Python without it)
        import venv  # noqa: F401
    except ImportError:
        version = "%d.%d" % sys.version_info[:2]
        stop(
            "Python %s has no working venv module." % version,
            "Debian, Ubuntu: apt install python3-venv (or python%s-venv); others: install Python's venv and pip."
            % version,
        )
    run([sys.executable, "-m", "venv", "--clear", VENV], "Could not create %s." % VENV)


def install_uv():
    """Install uv with pip: version and hashes are those of the lock file that uv then reads itself."""
    lines, inside = [], False
    with open(LOCK) as file:
        for line in file:
            inside = inside or line.startswith("uv==")
            if inside:
                lines.append(line)
                if not line.rstrip().endswith("\\"):
                    break
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirement:
        requirement.write("".join(lines))
        requirement.flush()
        run(
            [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
            + ["--require-hashes", "--requirement", requirement.name],
            "Could not install uv.",
            "Is a package index reachable? pip's own settings (PIP_INDEX_URL, PIP_CERT, pip.conf) are honoured.",
        )


def uv(command, *arguments, **options):
    """Run `uv pip COMMAND` on `.venv`."""
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    for ours, value in told_to_pip().items():
        environment.setdefault(ours, value)
    if "UV_INDEX" in environment:  # pip looks into all of them; the hashes say which file is meant
        environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    environment.setdefault("UV_SYSTEM_CERTS", "true")  # as pip does: a company's own certificate authority is there
    words = [os.path.join(VENV, "bin", "uv"), "pip", command, "--python", python()] + list(arguments)
    run(words, "uv could not %s the packages of the lock file." % command, options.get("hint", ""), environment)


def told_to_pip():
    """pip's settings about where packages come from (its files, its variables), as uv's variables."""
    words = [python(), "-m", "pip", "config", "list"]
    said = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True).stdout
    settings = {}
    for line in said.splitlines():
        key, found, value = line.partition("=")
        section, _, name = key.rpartition(".")
        try:
            settings[section, name] = " ".join(ast.literal_eval(value).split()) if found else ""
        except (ValueError, SyntaxError):
            continue
    told = {}
    for section in ("global", "install", ":env:"):  # the later, the stronger
        for name, ours in FROM_PIP.items():
            value = settings.get((section, name))
            if value:
                told[ours] = value.replace(" ", ",") if name == "find-links" else value
    return told


def python():
    return os.path.join(VENV, "bin", "python")


def run(words, problem, hint="", environment=None):
    if subprocess.run(words, env=environment, cwd=ROOT).returncode != 0:
        stop(problem, hint)


def say(text):
    sys.stderr.write("setup: %s\n" % text)


def stop(problem, hint):
    sys.stderr.write("setup: %s\n%s\n" % (problem, hint))
    raise SystemExit(1)


if __name__ == "__main__":
    main()
