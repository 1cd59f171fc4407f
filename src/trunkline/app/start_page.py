"""The page behind the server's address: what is here and where to go on. Public, and tells nothing of any customer."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.web import Call, Endpoint, Reply

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 3rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } p.what { margin-top: 0; opacity: .75; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .75rem .35rem 0; vertical-align: top; }
tr { border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
code { font-size: .9em; } a { color: light-dark(#0b57d0, #8ab4f8); }
"""


def endpoints(served: Sequence[ServedApi]) -> list[Endpoint]:
    """The start page."""
    page = _page(served).encode()

    async def show(_call: Call) -> Reply:
        return Reply(200, page, media_type="text/html; charset=utf-8")

    return [Endpoint("GET", "/", permission="", handler=show, summary="Start page", public=True)]


def _page(served: Sequence[ServedApi]) -> str:
    rows = "".join(
        f"<tr><td>{escape(api.api.code)} v{api.generation}</td><td>{escape(api.api.name)}</td>"
        f"<td>{', '.join(escape(mount.name) for mount in api.mounts)}</td>"
        f'<td><a href="/docs?urls.primaryName={quote(api.title)}">Read and try</a> · '
        f'<a href="{escape(api.path)}/openapi.json">OpenAPI</a> · <a href="{escape(api.path)}/asyncapi.json">AsyncAPI</a></td></tr>'
        for api in served
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trunkline</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        '<h1>Trunkline</h1><p class="what">Both halves of a telecom operator: business and network, and the loops between.</p>'
        "<p>Every call needs a key: <code>trunkline key create</code> makes one, sent as "
        "<code>Authorization: Bearer …</code>. See a whole operator at work with <code>trunkline story run S1</code>. "
        'Health: <a href="/health/ready">ready</a>.</p>'
        f"<table><thead><tr><th>API</th><th>Name</th><th>Resources</th><th>Contract</th></tr></thead><tbody>{rows}</tbody>"
        "</table></body></html>"
    )
