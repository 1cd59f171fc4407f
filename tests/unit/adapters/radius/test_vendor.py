"""Speed profiles as each vendor's access servers understand them."""

import re
from pathlib import Path

import pytest

from trunkline.adapters.radius.nas import AccessServers, Nas
from trunkline.adapters.radius.vendor import vendor, vendors
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.oss.activation.aaa import Subscriber, SubscriberState


def subscriber(
    down: int | None = 500_000_000, up: int | None = 250_000_000, profile: str | None = "p500"
) -> Subscriber:
    return Subscriber(
        user_name="alice",
        service_id="s",
        state=SubscriberState.ACTIVE,
        framed_ip=None,
        profile=profile,
        downstream_bit_s=down,
        upstream_bit_s=up,
        attributes={},
    )


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("mikrotik", {"Mikrotik-Rate-Limit": ["250000k/500000k"]}),
        ("wispr", {"WISPr-Bandwidth-Max-Down": ["500000000"], "WISPr-Bandwidth-Max-Up": ["250000000"]}),
        ("cisco", {"Cisco-AVPair": ["ip:sub-qos-policy-in=p500-in", "ip:sub-qos-policy-out=p500-out"]}),
        (
            "huawei",
            {
                "Huawei-Input-Average-Rate": ["250000000"],
                "Huawei-Input-Peak-Rate": ["250000000"],
                "Huawei-Output-Average-Rate": ["500000000"],
                "Huawei-Output-Peak-Rate": ["500000000"],
            },
        ),
        ("juniper-erx", {"ERX-Qos-Profile-Name": ["p500"]}),
        ("none", {}),
    ],
)
def test_each_vendor_says_it_in_its_own_words(name: str, attributes: dict[str, list[str]]) -> None:
    assert vendor(name).attributes(subscriber()) == attributes
    assert name in vendors()


def test_a_field_of_32_bits_is_filled_not_wrapped() -> None:
    assert vendor("wispr").attributes(subscriber(down=10**10))["WISPr-Bandwidth-Max-Down"] == ["4294967295"]


def test_what_the_subscriber_lacks_is_left_out() -> None:
    assert vendor("mikrotik").attributes(subscriber(up=None)) == {}
    assert vendor("wispr").attributes(subscriber(up=None)) == {"WISPr-Bandwidth-Max-Down": ["500000000"]}
    assert vendor("cisco").attributes(subscriber(profile=None)) == {}


def test_every_template_is_in_our_dictionary() -> None:
    text = (Path(__file__).parents[4] / "src/trunkline/adapters/radius/dictionary").read_text()
    known = set(re.findall(r"^ATTRIBUTE\s+(\S+)", text, re.MULTILINE))
    used = {template.name for name in vendors() for template in vendor(name).attribute}
    assert used <= known


def test_an_unknown_vendor_names_the_known_ones() -> None:
    with pytest.raises(Invalid) as refused:
        vendor("acme")
    assert "mikrotik" in (refused.value.allowed or ())


def test_access_servers_of_a_home(tmp_path: Path) -> None:
    assert AccessServers.of_home(tmp_path).vendor_of({"NAS-Identifier": "bng"}) is vendor("wispr")
    file = tmp_path / "radius.toml"
    file.write_text('[[nas]]\nname = "bng"\nvendor = "mikrotik"\naddress = "192.0.2.1"\nsecret = "s3cret"\n')
    file.chmod(0o644)
    with pytest.raises(Invalid) as refused:
        AccessServers.of_home(tmp_path)
    assert refused.value.code == "secretsReadable"
    file.chmod(0o600)
    known = AccessServers.of_home(tmp_path)
    assert known.vendor_of({"NAS-Identifier": "bng"}) is vendor("mikrotik")
    assert known.vendor_of({"NAS-Identifier": "other", "NAS-IP-Address": "192.0.2.9"}) is vendor("wispr")
    assert "s3cret" not in repr(known.get("bng"))
    with pytest.raises(NotFound):
        known.get("other")


@pytest.mark.parametrize(
    "text", ['[[nas]]\nvendor = "wispr"', "[[nas]", '[[nas]]\nname = "a"\ntypo = 1', '[[nas]]\nname="a"\nvendor="x"']
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "radius.toml"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(Invalid):
        AccessServers.of_home(tmp_path)


def test_an_access_server_without_secret_takes_no_disconnect() -> None:
    from trunkline.adapters.radius.dynamic_authorization import DynamicAuthorization

    with pytest.raises(Invalid):
        DynamicAuthorization(Nas(name="bng"))
