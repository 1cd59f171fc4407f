"""Settings: what is given is taken, what is wrong is named, what is secret is not shown."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.pretty import Pretty

from trunkline.app.settings import Settings
from trunkline.kernel.errors import Invalid


def test_without_variables_an_installation_is_a_local_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({})
    assert settings == Settings(
        home=tmp_path / "var" / "trunkline",
        database_url=None,
        http_host="127.0.0.1",
        http_port=8088,
        mode="demo",
        tenant="default",
        log="human",
        log_level="INFO",
        oidc=None,
        otlp_endpoint=None,
    )
    assert settings.security().issuers == ()


def test_each_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "TRUNKLINE_HOME": "/srv/trunkline",
            "TRUNKLINE_DATABASE_URL": "postgresql://db.example/trunkline",
            "TRUNKLINE_HTTP_HOST": "0.0.0.0",
            "TRUNKLINE_HTTP_PORT": "80",
            "TRUNKLINE_MODE": "Production",
            "TRUNKLINE_TENANT": "north",
            "TRUNKLINE_LOG": "json",
            "TRUNKLINE_LOG_LEVEL": "debug",
            "TRUNKLINE_METRICS_PORT": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
        }
    )
    assert settings == Settings(
        home=Path("/srv/trunkline"),
        database_url="postgresql://db.example/trunkline",
        http_host="0.0.0.0",
        http_port=80,
        mode="production",
        tenant="north",
        log="json",
        log_level="DEBUG",
        metrics_port=0,
        otlp_endpoint="http://collector.example:4318",
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TRUNKLINE_HTTP_PORT", "eighty", "port number"),
        ("TRUNKLINE_HTTP_PORT", "-1", "port number"),
        ("TRUNKLINE_HTTP_PORT", "65536", "port number"),
        ("TRUNKLINE_HTTP_PORT", "²", "port number"),
        ("TRUNKLINE_MODE", "prod", "demo, production"),
        ("TRUNKLINE_LOG", "xml", "human, json"),
        ("TRUNKLINE_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("TRUNKLINE_DATABASE_URL", "mysql://user:hidden@db/x", "postgresql://"),
        ("TRUNKLINE_OIDC_JWKS_URL", "file:///etc/passwd", "https://"),
        ("TRUNKLINE_OIDC_ROLES", "clerks", "group-of-clerks=clerk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http://"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable_and_not_repeated(name: str, value: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        Settings.from_environment({name: value})
    assert (refused.value.code, refused.value.path) == ("settingInvalid", name)
    assert name in refused.value.reason
    assert says in refused.value.reason
    assert "hidden" not in str(refused.value)


def test_all_bad_values_are_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        Settings.from_environment({"TRUNKLINE_HTTP_PORT": "x", "TRUNKLINE_MODE": "y"})
    assert [problem.path for problem in refused.value.problems] == ["TRUNKLINE_HTTP_PORT", "TRUNKLINE_MODE"]


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment({"TRUNKLINE_HTTP_PORT": "  "}).http_port == 8088


OIDC = {
    "TRUNKLINE_OIDC_ISSUER": "https://login.example/realm",
    "TRUNKLINE_OIDC_AUDIENCE": "trunkline",
    "TRUNKLINE_OIDC_JWKS_URL": "https://login.example/realm/certs",
}


def test_an_identity_provider_is_read_with_its_roles() -> None:
    given = OIDC | {
        "TRUNKLINE_OIDC_ROLES": "staff=clerk, admins = administrator",
        "TRUNKLINE_OIDC_ROLES_CLAIM": "groups",
    }
    (issuer,) = Settings.from_environment(given).security().issuers
    assert (issuer.name, issuer.issuer, issuer.audience) == (
        "login.example",
        OIDC["TRUNKLINE_OIDC_ISSUER"],
        "trunkline",
    )
    assert issuer.jwks_url == OIDC["TRUNKLINE_OIDC_JWKS_URL"]
    assert (issuer.tenant, issuer.tenant_claim) == ("default", None)
    assert (issuer.roles_claim, issuer.roles) == ("groups", {"staff": "clerk", "admins": "administrator"})


def test_the_tenant_comes_from_a_claim_when_one_is_named_and_not_from_both() -> None:
    (issuer,) = Settings.from_environment(OIDC | {"TRUNKLINE_OIDC_TENANT_CLAIM": "org"}).security().issuers
    assert (issuer.tenant, issuer.tenant_claim) == (None, "org")
    both = {"TRUNKLINE_OIDC_TENANT_CLAIM": "org", "TRUNKLINE_OIDC_TENANT": "north"}
    with pytest.raises(Invalid, match="exclude each other"):
        Settings.from_environment(OIDC | both)


@pytest.mark.parametrize("missing", sorted(OIDC))
def test_half_an_identity_provider_is_refused_with_what_is_missing(missing: str) -> None:
    with pytest.raises(Invalid) as refused:
        Settings.from_environment({name: value for name, value in OIDC.items() if name != missing})
    assert refused.value.path == missing


@pytest.mark.parametrize(
    "url", ["postgresql://user:hidden@db.example/trunkline", "postgresql://user@db.example/trunkline?password=hidden"]
)
def test_the_databases_password_is_never_shown(url: str) -> None:
    settings = Settings.from_environment({"TRUNKLINE_DATABASE_URL": url})
    output = StringIO()
    Console(file=output, width=200).print(Pretty(settings))
    for shown in (repr(settings), str(settings), output.getvalue()):
        assert "hidden" not in shown
        assert "db.example/trunkline" in shown
