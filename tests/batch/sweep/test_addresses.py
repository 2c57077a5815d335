"""Addresses of schedulers: TLS wherever the address is not loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.batch.sweep.addresses import checked_credentials, scheduler_address
from iluvatar_bench.errors import NoSuchFile, UsageError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("tls://10.0.0.1:8786", "tls://10.0.0.1:8786"),
        ("10.0.0.1", "tls://10.0.0.1:8786"),
        ("lab-3:9000", "tls://lab-3:9000"),
        ("127.0.0.1:1234", "tcp://127.0.0.1:1234"),
        ("localhost", "tcp://localhost:8786"),
        ("tls://127.0.0.1", "tls://127.0.0.1:8786"),
        ("[::1]:99", "tcp://[::1]:99"),
        ("[fd00::1]", "tls://[fd00::1]:8786"),
    ],
)
def test_what_is_not_loopback_is_spoken_to_by_tls(text: str, url: str) -> None:
    assert scheduler_address(text).url == url


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tcp://10.0.0.1:8786", "10.0.0.1 is not loopback"),
        ("tcp://[fd00::1]", "fd00::1 is not loopback"),
        # A name that begins as an address of loopback does is none.
        ("tcp://127.0.0.1.example", "is not loopback"),
        ("tcp://localhost.example:1", "is not loopback"),
        ("ws://10.0.0.1", "ws:// is not spoken here"),
        ("tls://10.0.0.1:99999", "port 99999 is not between"),
        ("tls://", "no address; as in tls://"),
        ("10.0.0.1:8786/x", "no address"),
        ("", "no address"),
    ],
)
def test_an_address_that_will_not_do(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        scheduler_address(text)
    assert str(caught.value).startswith(f"--scheduler {text}: ")
    assert told in str(caught.value)


def test_tls_takes_three_files_that_are_there(tmp_path: Path) -> None:
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    with pytest.raises(UsageError, match="TLS takes --tls-cert, --tls-key"):
        checked_credentials({"ca": files["ca"], "cert": None})
    for file in files.values():
        with pytest.raises(NoSuchFile, match=f"{file}: there is no such file"):
            checked_credentials(files)
        Path(file).touch()
    assert checked_credentials(files) == files
