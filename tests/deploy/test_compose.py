"""The compose files are whole: what a service mounts is there, what it is told is understood, no secret is inside."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hazmon.config import load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
# Laid by the operator, or by make-secrets.
MADE_ON_THE_SPOT = ("./secrets/",)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return parsed


def interpolated(value: str) -> str:
    """``${NAME:-default}`` as compose reads it without an .env file."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_the_services(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"mosquitto", "influxdb", "grafana", "hazmon", "simulator"}
    started = [name for name, service in compose["services"].items() if "profiles" not in service]
    assert started == ["mosquitto", "influxdb", "grafana", "hazmon"]


def test_every_mounted_file_is_in_the_repository(compose: dict[str, Any]) -> None:
    overlay = yaml.safe_load((DEPLOY / "compose.tls.yaml").read_text("utf-8"))
    mounts = [v for c in (compose, overlay) for s in c["services"].values() for v in s.get("volumes", [])]
    for mount in map(interpolated, mounts):
        source = mount.split(":")[0]
        if source.startswith(".") and not source.startswith(MADE_ON_THE_SPOT):
            assert (DEPLOY / source).exists(), mount
        elif not source.startswith("."):
            assert source in compose["volumes"], mount


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert interpolated(port).startswith("127.0.0.1:"), name


def test_every_variable_is_documented(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8") + (DEPLOY / "compose.tls.yaml").read_text("utf-8")
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    documented = dict(re.findall(r"^#(\w+)=(.*)$", (DEPLOY / ".env.example").read_text("utf-8"), flags=re.MULTILINE))
    assert documented == used


def test_secrets_used_are_declared_and_made(compose: dict[str, Any], tmp_path: Path) -> None:
    used = {s for service in compose["services"].values() for s in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    made = subprocess.run([DEPLOY / "make-secrets", tmp_path / "s", "M001"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    for secret in compose["secrets"].values():
        file = tmp_path / "s" / Path(secret["file"]).name
        assert file.read_text().strip(), file


def test_hazmon_understands_its_environment(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample file with the service's environment over it is a configuration without a mistake."""
    for secret in compose["services"]["hazmon"]["secrets"]:
        (tmp_path / secret).write_text("s3cret")
    for name, value in compose["services"]["hazmon"]["environment"].items():
        monkeypatch.setenv(name, interpolated(value).replace("/run/secrets", str(tmp_path)))
    settings = load_settings(DEPLOY / "hazmon.toml")
    assert settings.mqtt.username == "hazmon"
    assert settings.mqtt.password is not None and settings.store.token is not None
    assert settings.store.url == "influxdb+http://influxdb:8086?org=hazmon&bucket=readings"


def test_the_store_and_grafana_speak_of_the_same_bucket(compose: dict[str, Any]) -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/hazmon.yaml").read_text("utf-8"))
    (influx,) = source["datasources"]
    bucket = compose["services"]["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert influx["database"] == influx["jsonData"]["dbName"] == bucket
    assert influx["jsonData"]["version"] == "InfluxQL"
    for variable in re.findall(r"\$\{(\w+)\}", str(influx)):
        service = compose["services"]["grafana"]
        assert variable in service["environment"] or f"export {variable}" in service["entrypoint"][-1]


def test_dashboards_are_mounted_where_grafana_looks(compose: dict[str, Any]) -> None:
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/hazmon.yaml").read_text("utf-8"))[
        "providers"
    ]
    mounted = dict(v.split(":")[:2] for v in compose["services"]["grafana"]["volumes"])
    assert mounted["./grafana/dashboards"] == provider["options"]["path"]


def test_the_image_installs_from_the_lock_with_hashes_and_runs_as_nobody_special() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "--require-hashes -r requirements.lock" in dockerfile
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER hazmon$", final, re.MULTILINE)
    assert "/healthz" in final


def test_the_image_has_every_package() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for package in packages["packages"]:
        assert f"COPY {package} {package}\n" in dockerfile
        assert f"!{package}" in ignore
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for source in copied.split():
            assert (ROOT / source).exists(), source


def test_no_secret_is_in_the_repository() -> None:
    """Nothing tracked under deploy/ looks like a password or a token with a value."""
    for file in DEPLOY.rglob("*"):
        if file.is_file() and "secrets" not in file.parts and file.name != ".env":
            for line in file.read_text("utf-8").splitlines():
                assert not re.search(r"(?i)\b(password|token|secret)\w*\s*[:=]\s*['\"]?[A-Za-z0-9+]{16,}", line), file
