"""The page to read and try the APIs: `/docs`, Swagger UI from its npm package, served by us and asking nobody else.

Public, as the OpenAPI documents it shows are. A call that is tried needs a key, which stays in the browser's memory.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

import msgspec

from trunkline.kernel.errors import NotFound, Unavailable
from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.web import Call, Endpoint, Reply

_ASSETS = Path(__file__).with_name("assets") / "swagger-ui-dist"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_SCRIPTS = ("swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "page.js")
_FILES = (*_SCRIPTS, "swagger-ui.css", "page.css")
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE_JS = """const apis = JSON.parse(document.getElementById('apis').textContent)
const wanted = new URLSearchParams(location.search).get('urls.primaryName')
window.ui = SwaggerUIBundle({
  urls: apis,
  'urls.primaryName': wanted || apis[0].name,
  dom_id: '#ui',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: 'StandaloneLayout',
})
"""
_PAGE_CSS = """:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
header { padding: .5rem 1.25rem; }
@media (prefers-color-scheme: dark) {
  html { background: #1c2022; }
}
"""


def endpoints(served: Sequence[ServedApi]) -> list[Endpoint]:
    """The page and its files."""
    page = _page(served).encode()

    async def show(_call: Call) -> Reply:
        if not _ASSETS.is_dir():
            raise Unavailable(
                "assetsMissing",
                "This page's scripts are not here.",
                message="They come from npm when Trunkline is set up. The OpenAPI documents themselves are served.",
                hint="Run `make setup` in the checkout, then start the server again.",
            )
        return Reply(200, page, media_type="text/html; charset=utf-8", headers=_SECURITY)

    async def show_file(call: Call) -> Reply:
        name = call.path["file"]
        if name not in _FILES or not (name.startswith("page.") or _ASSETS.is_dir()):
            raise NotFound("unknownFile", f"There is no file {name[:80]} here.", path="file", allowed=_FILES)
        content, tag = _file(name)
        headers = {**_SECURITY, "ETag": tag, "Cache-Control": "no-cache"}
        if call.headers.get("if-none-match") == tag:
            return Reply(304, None, headers=headers)
        return Reply(200, content, media_type=_TYPES[Path(name).suffix], headers=headers)

    return [
        Endpoint("GET", "/docs", permission="", handler=show, summary="Read and try the APIs", public=True),
        Endpoint("GET", "/docs/{file}", permission="", handler=show_file, summary="Files of that page", public=True),
    ]


@cache
def _file(name: str) -> tuple[bytes, str]:
    own = {"page.js": _PAGE_JS, "page.css": _PAGE_CSS}
    content = own[name].encode() if name in own else (_ASSETS / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _page(served: Sequence[ServedApi]) -> str:
    documents = [{"name": api.title, "url": f"{api.path}/openapi.json"} for api in served]
    documents.append({"name": "Everything", "url": "/openapi.json"})
    listed = msgspec.json.encode(documents).decode().replace("<", "\\u003c")
    scripts = "".join(f'<script src="/docs/{escape(name)}"></script>' for name in _SCRIPTS)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>APIs of Trunkline</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="stylesheet" href="/docs/page.css"></head><body>'
        f'<main id="ui"></main><script id="apis" type="application/json">{listed}</script>{scripts}</body></html>'
    )
