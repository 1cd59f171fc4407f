"""The story's oracle on the laboratory: it reads FreeRADIUS' own file, without any code of the product's."""

from pathlib import Path

from trunkline.app.demo.load import operator
from trunkline.app.stories.detail import detail_records, octets_of, without_repetitions
from trunkline.app.stories.fixture import load
from trunkline.app.stories.laboratory import on_laboratory
from trunkline_lab import topology

RECORDED = Path(__file__).parents[2] / "fixtures" / "radius" / "recorded" / "detail"


def test_the_oracle_finds_every_packet_of_a_recorded_file() -> None:
    text = RECORDED.read_text()
    records = detail_records(text)
    assert len(records) == text.count("Acct-Status-Type = ") > 10
    assert sum(octets_of(record) for record in records) == sum(
        int(line.rpartition(" = ")[2])
        for line in text.splitlines()
        if line.startswith(("\tAcct-Input-Octets = ", "\tAcct-Output-Octets = "))
    )


def test_the_oracle_tells_repetitions_from_records() -> None:
    records = detail_records(RECORDED.read_text())
    once = without_repetitions(records)
    # what the laboratory recorded: one record was refused and came again, one was answered too late
    assert len(records) - len(once) == 2
    assert without_repetitions([*records, *records]) == once


def test_gigawords_count() -> None:
    assert (
        octets_of({"Acct-Input-Octets": "5", "Acct-Output-Octets": "7", "Acct-Output-Gigawords": "2"}) == 12 + 2 * 2**32
    )


def test_the_demo_data_fit_the_laboratory() -> None:
    data = operator("lab.json")
    (node,) = [entry["document"] for entry in data["documents"] if entry["resource"] == "resource"]
    facts = {item["name"]: item["value"] for item in node["resourceCharacteristic"]}
    assert facts["managementAddress"] == f"http://{topology.ROUTERS[node['id']].management}:8000/"
    ports = {edge.port for edge in topology.EDGES if edge.router == node["id"]}
    assert {value.partition("/")[2] for value in data["poolMembers"]["pool-bng"]} == ports
    assert on_laboratory(load("S1")).values["install"]["hardware_address"] == topology.mac_address("cpe1")
