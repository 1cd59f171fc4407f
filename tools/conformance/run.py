"""A run: every rule on every resource of every API in every generation, on a server that is up."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec

from tools.conformance import hub
from tools.conformance.bench import Bench
from tools.conformance.client import HttpClient
from tools.conformance.landscape import Landscape, read_seeds
from tools.conformance.outcome import Outcome
from tools.conformance.rules import RULES, tried
from tools.conformance.served import Api, served

WORKERS = 4
"""Requests under way at once: the checker reckons while the server answers."""


class Result(msgspec.Struct, frozen=True):
    """The APIs that were checked, and what every rule came to."""

    apis: list[Api]
    outcomes: list[Outcome]


def check(
    url: str,
    key: str,
    contracts: Path,
    wanted: Sequence[str] = (),
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Result:
    """Check a server. `progress` is told which API is done, how many are, and of how many."""
    with closing(HttpClient(url)) as http:
        return _check(http, key, contracts, wanted, progress)


def _check(
    http: HttpClient, key: str, contracts: Path, wanted: Sequence[str], progress: Callable[[str, int, int], None]
) -> Result:
    headers = {"Authorization": f"Bearer {key}"}
    document = http.send("GET", "/openapi.json", headers, None).json()
    _put_file(http, headers)
    everything = served(contracts, document)
    subjects = [subject for api in everything for subject in api.subjects]
    landscape = Landscape(http, headers, sorted(subjects, key=lambda subject: -subject.generation), read_seeds())
    apis = [
        api
        for api in everything
        if not wanted or {api.contract.api, f"{api.contract.api}v{api.contract.generation}"} & {*wanted}
    ]
    listener = hub.Listener()
    outcomes: list[Outcome] = []
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            for number, found in enumerate(pool.map(lambda api: _api(api, landscape, listener), apis), 1):
                outcomes += found
                progress(found[0].api if found else "", number, len(apis))
    finally:
        listener.close()
    return Result(apis, outcomes)


def _put_file(http: HttpClient, headers: Mapping[str, str]) -> None:
    """The file that import jobs take in: one specification. A server without such files has no such jobs either."""
    row = {"id": "conformance", "@type": "EntitySpecification", "name": "conformance"}
    kind = {"Content-Type": "application/octet-stream"}
    http.send("POST", "/trunkline/v1/exchange?file=conformance.ndjson", {**headers, **kind}, json.dumps(row).encode())


def _api(api: Api, landscape: Landscape, listener: hub.Listener) -> list[Outcome]:
    token = f"conformance {api.contract.api} v{api.contract.generation}"
    found = []
    for subject in api.subjects:
        bench = Bench(subject, landscape, f"{token} {subject.name}")
        found += [tried(rule, bench) for rule in RULES]
    at_hub = hub.HubBench(api, landscape, listener, f"{token} hub")
    return [*found, *(hub.tried(rule, at_hub) for rule in hub.RULES)]
