"""A refusal to connect says what to do next, and no part of a password."""

import traceback

import pytest

from trunkline.kernel.db.connecting import address, connect
from trunkline.kernel.errors import Unavailable

INVALID = (
    "postgresql://u:s3cret/t0ken@127.0.0.1:1/db",
    "postgresql://u:s3cret#t0ken@127.0.0.1:1/db",
    "postgresql://u:s3cret?t0ken@127.0.0.1:1/db",
    "postgresql://u:s3cret@[::1/db",
    "postgresql://u:s3cret@127.0.0.1:port/db",
    "postgresql://u:s3cret@127.0.0.1:99999/db",
    "postgresql://u:s3cret@127.0.0.1:1/db?sslmode=wrong",
    "mysql://u:s3cret@127.0.0.1/db",
    "u:s3cret@127.0.0.1/db",
    "host=127.0.0.1 user=u password=s3cret",
)


@pytest.mark.parametrize("dsn", INVALID)
async def test_a_url_that_cannot_be_followed_is_one_refusal(dsn: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await connect(dsn)
    assert caught.value.code == "databaseUrlInvalid"
    assert_no_secret(caught.value)


@pytest.mark.parametrize(
    ("dsn", "where"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/db", "127.0.0.1:1/db"),
        ("postgresql://u:s3cret@no.such.host.invalid/db", "no.such.host.invalid/db"),
        ("postgresql:///db?host=127.0.0.1&port=1&user=u&password=s3cret", "127.0.0.1/db"),
    ],
)
async def test_a_server_that_is_not_there_is_named(dsn: str, where: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await connect(dsn)
    assert caught.value.code == "databaseUnavailable"
    assert where in str(caught.value)
    assert_no_secret(caught.value)


@pytest.mark.parametrize("dsn", [dsn for dsn in INVALID if "sslmode" not in dsn])
def test_an_address_never_quotes_what_may_be_a_password(dsn: str) -> None:
    assert address(dsn) == "a URL that cannot be read"


def assert_no_secret(error: Unavailable) -> None:
    said = "".join(traceback.format_exception(error))
    said = "\n".join(line for line in said.splitlines() if "://" not in line)
    assert [secret for secret in ("s3cret", "t0ken") if secret in said] == []
