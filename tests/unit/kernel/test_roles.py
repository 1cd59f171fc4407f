"""The built-in roles hold what their names say, and no name of a resource that is not there."""

import importlib
import pkgutil

import trunkline
from trunkline.kernel.security.roles import BUILT_IN
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.web import permits

OWN_ENDPOINTS = {"accessSession", "billRun", "plan", "radius"}


def test_the_roles_name_only_resources_that_are_served() -> None:
    served = set(OWN_ENDPOINTS)
    for found in pkgutil.walk_packages(trunkline.__path__, "trunkline."):
        if found.name.endswith(".resources"):
            module = importlib.import_module(found.name)
            served |= {value.name for value in vars(module).values() if isinstance(value, Resource)}
    named = {permission.partition(":")[0] for role in BUILT_IN for permission in role.permissions}
    assert named - {"*"} - served == set()


def test_only_the_administrator_touches_security_and_a_network_element_only_reports() -> None:
    held = {role.name: frozenset(role.permissions) for role in BUILT_IN}
    assert [name for name, permissions in held.items() if permits(permissions, "security:create")] == ["administrator"]
    assert held["network_element"] == {"radius:*"}
    assert permits(held["auditor"], "customerBill:read")
    assert not any(permits(held["auditor"], f"customerBill:{verb}") for verb in ("create", "update", "delete"))
    assert permits(held["sales"], "productOrder:create")
    assert not permits(held["sales"], "usage:create")
