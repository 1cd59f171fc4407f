"""All registered resources of an installation, by API and by name: what routers, documents and the hub go by."""

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.kernel.events.event import Event
from trunkline.kernel.events.hub import HubApi
from trunkline.kernel.tmf.apis import API, api_path, get_api
from trunkline.kernel.tmf.mount import Alias, Mount, mounts_of
from trunkline.kernel.tmf.resource import Resource


class ServedApi(msgspec.Struct, frozen=True):
    """One API in one generation as it is served: its root path and what is mounted there."""

    api: API
    generation: int
    path: str
    mounts: tuple[Mount, ...]

    @property
    def title(self) -> str:
        """As people write it: TMF622 Product Ordering v4."""
        return f"{self.api.code} {self.api.name} v{self.generation}"

    @property
    def resources(self) -> tuple[Resource[Any], ...]:
        """The resources mounted there."""
        return tuple(mount.resource for mount in self.mounts)

    @property
    def hub(self) -> HubApi:
        """What can be subscribed to."""
        mounts = {mount.resource.name: mount for mount in self.mounts}
        by_name = {mount.name: mount for mount in self.mounts}

        def represent(event: Event) -> dict[str, Any]:
            shown = {}
            for name, document in event.payload.items():
                mount = mounts.get(name)
                if mount is not None and isinstance(document, dict):
                    name, document = mount.name, mount.shown(document)
                shown[name] = document
            return shown

        def stored(path: str) -> str:
            head, _, rest = path.removeprefix("event.").partition(".")
            if head in by_name and rest:
                mount = by_name[head]
                return f"{mount.resource.name}.{mount.stored_path(rest)}"
            places = {mount.stored_path(path) for mount in self.mounts}
            return places.pop() if len(places) == 1 else path

        names = {type_: name for mount in self.mounts for type_, name in mount.event_names.items()}
        return HubApi(
            path=self.path,
            resources=tuple(mounts),
            generation=5 if self.generation == 5 else 4,
            represent=represent,
            names=names,
            stored=stored,
        )


def served_apis(declared: Sequence[Resource[Any] | Alias]) -> tuple[ServedApi, ...]:
    """The APIs of these resources, in order of their numbers, the newer generation of each first."""
    found: dict[tuple[str, int], list[Mount]] = {}
    for resource in declared:
        for mount in mounts_of(resource):
            found.setdefault((mount.api, -mount.generation), []).append(mount)
    return tuple(
        ServedApi(get_api(code), -generation, api_path(code, -generation), tuple(mounts))
        for (code, generation), mounts in sorted(found.items())
    )


def by_name(resources: Sequence[Resource[Any]]) -> dict[str, Resource[Any]]:
    """The resources by name, without those that share theirs with another API's."""
    names = [resource.name for resource in resources]
    return {resource.name: resource for resource in resources if names.count(resource.name) == 1}


def with_domains(resources: Sequence[Resource[Any]]) -> dict[str, Resource[Any]]:
    """All resources by name; those that share theirs by "<domain>.<name>"."""
    alone = by_name(resources)
    return {
        resource.name if resource.name in alone else f"{resource.domain}.{resource.name}": resource
        for resource in resources
    }
