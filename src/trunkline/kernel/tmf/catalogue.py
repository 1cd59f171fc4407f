"""All registered resources of an installation, by API and by name: what routers, documents and the hub go by."""

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.kernel.events.hub import HubApi
from trunkline.kernel.tmf.apis import API, api_path, get_api
from trunkline.kernel.tmf.resource import Resource


class ServedApi(msgspec.Struct, frozen=True):
    """One API as it is served: its root path, generation and resources."""

    api: API
    generation: int
    path: str
    resources: tuple[Resource[Any], ...]

    @property
    def hub(self) -> HubApi:
        """What can be subscribed to."""
        names = tuple(resource.name for resource in self.resources)
        return HubApi(path=self.path, resources=names, generation=5 if self.generation == 5 else 4)


def served_apis(resources: Sequence[Resource[Any]]) -> tuple[ServedApi, ...]:
    """The APIs of these resources, in order of their numbers."""
    by_code: dict[str, list[Resource[Any]]] = {}
    for resource in resources:
        by_code.setdefault(resource.info.api, []).append(resource)
    found = []
    for code in sorted(by_code):
        api = get_api(code)
        generation = max(api.generations)
        found.append(ServedApi(api, generation, api_path(code, generation), tuple(by_code[code])))
    return tuple(found)


def by_name(resources: Sequence[Resource[Any]]) -> dict[str, Resource[Any]]:
    """The resources by name. Raises ValueError when two share one."""
    found: dict[str, Resource[Any]] = {}
    for resource in resources:
        if resource.name in found:
            raise ValueError(f"two resources are named {resource.name}")
        found[resource.name] = resource
    return found
