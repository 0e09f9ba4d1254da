"""The configuration: `hazmon.toml` and the environment, read once, checked without touching the network.

Every key is also an environment variable (``HAZMON_MQTT__URL``), which wins over the file. Secrets come only
from the environment or from a file of their own, never from `hazmon.toml`, because that one is under version control.
"""

import difflib
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hazards.durations import parse_duration_ms
from ingest.decode.mapping import MappingError, load_mapping
from ingest.routes import FormatName, RouteError, RouteSpec

__all__ = ["ConfigError", "Settings", "load_settings"]

_SECRETS = {("mqtt", "password"), ("store", "token")}


class ConfigError(Exception):
    """The configuration can't be used; one line per mistake in ``mistakes``."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def _duration_ms(value: object) -> object:
    return parse_duration_ms(value) if isinstance(value, str) else value


def _mqtt_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError("is not a broker's address")
    if parts.password:
        raise ValueError("carries a password; keep it in HAZMON_MQTT__PASSWORD")
    _ = parts.port  # raises ValueError where it is no port
    return url


def _store_url(url: str) -> str:
    if url == "duckdb":
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("influxdb+http", "influxdb+https") or not parts.hostname:
        raise ValueError("is not a store")
    _ = parts.port
    return url


def _web_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a web address")
    _ = parts.port
    return url


def _listen(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("is not HOST:PORT")
    return address


DurationMs = Annotated[int, BeforeValidator(_duration_ms), Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mqtt(_Section):
    """The broker."""

    url: Annotated[str, AfterValidator(_mqtt_url)] = Field("mqtt://127.0.0.1:1883", examples=["mqtts://broker:8883"])
    username: str | None = Field(None, examples=["hazmon"])
    password: SecretStr | None = None
    password_file: Path | None = Field(None, examples=["/run/credentials/mqtt-password"])
    ca_file: Path | None = Field(None, examples=["/etc/hazmon/ca.pem"])
    cert_file: Path | None = Field(None, examples=["/etc/hazmon/hazmon.pem"])
    key_file: Path | None = Field(None, examples=["/etc/hazmon/hazmon.key"])
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = Field("hazmon", min_length=1, max_length=64, examples=["hazmon"])
    keepalive_s: int = Field(30, ge=5, le=3600, examples=[30])


class Data(_Section):
    """Where the log, the journal and the embedded store are kept."""

    dir: Path = Field(Path("/var/lib/hazmon"), examples=["/var/lib/hazmon"])


class PlantFolder(_Section):
    """The plant's folder."""

    dir: Path = Field(Path("plant"), examples=["plant"])


class Store(_Section):
    """Where readings are kept for good."""

    url: Annotated[str, AfterValidator(_store_url)] = Field(
        "duckdb",
        examples=[
            "duckdb",
            "influxdb+http://127.0.0.1:8086?database=readings",
            "influxdb+http://127.0.0.1:8086?org=mine&bucket=readings",
        ],
    )
    token: SecretStr | None = None
    token_file: Path | None = Field(None, examples=["/run/credentials/influx-token"])


class Api(_Section):
    """The HTTP API and the console."""

    listen: Annotated[str, AfterValidator(_listen)] = Field("127.0.0.1:8080", examples=["127.0.0.1:8080"])


class IngestRoute(_Section):
    """Messages in another format, or on other topics."""

    topic: str = Field(min_length=1, examples=["site/{enterprise}/gas/#"])
    format: FormatName = Field(examples=["senml-json"])
    enterprise: str | None = Field(None, min_length=1, examples=["M001", "{group}"])
    point: str | None = Field(None, min_length=1, examples=["{measurement}.{field}"])
    mapping: Path | None = Field(None, examples=["devices.csv"])
    unit: str = Field("", examples=["ppm"])
    unknown: Literal["reject", "ignore"] = Field("reject", examples=["reject", "ignore"])
    precision: Literal["ns", "us", "ms", "s"] | None = Field(None, examples=["ns", "ms"])
    items: str = Field("", examples=["data.readings"])
    value: str = Field("", examples=["value", "data.*"])
    time: str = Field("", examples=["$.ts"])
    quality: str = Field("", examples=["status"])
    quality_codes: Literal["native", "opc", "opc-ua"] = Field("native", examples=["native", "opc", "opc-ua"])
    value_unit: str = Field("", examples=["unit"])
    time_zone: str = Field("", examples=["Asia/Shanghai"])

    def spec(self) -> RouteSpec:
        """The route as ingest knows it.

        Raises
        ------
        RouteError
            If its keys do not go together.
        """
        return RouteSpec(**dict(self))


class Ingest(_Section):
    """How readings get into the log."""

    commit_every_ms: int = Field(20, ge=1, le=1000, examples=[20])
    commit_messages: int = Field(10_000, ge=1, le=1_000_000, examples=[10_000])
    queue_messages: int = Field(50_000, ge=100, le=10_000_000, examples=[50_000])
    max_payload_bytes: int = Field(1 << 20, ge=1024, le=256 << 20, examples=[1 << 20])
    routes: list[IngestRoute] = []


class LogKeeping(_Section):
    """How long the log is kept once everybody has read it."""

    keep: DurationMs = Field(86_400_000, examples=["1d"])
    max_megabytes: int = Field(10_240, ge=16, examples=[10_240])


class Alerting(_Section):
    """The engine and the messages."""

    language: Literal["zh", "en"] = "zh"
    time_zone: str = Field("Asia/Shanghai", examples=["Asia/Shanghai"])
    snapshot_every: DurationMs = Field(30_000, ge=1000, examples=["30s"])


class Channel(_Section):
    """One way to reach people."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["duty"])
    kind: Literal["webhook"]
    url: Annotated[str, AfterValidator(_web_url)] = Field(examples=["https://duty.example/hook"])
    secret_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", examples=["DUTY_SECRET"])


class Match(_Section):
    """Which alarms a route takes; an absent key takes all."""

    severity: list[Literal["blue", "yellow", "orange", "red"]] | None = Field(None, examples=[["red", "orange"]])
    family: list[Literal["limit-high", "limit-low", "rate", "frozen", "no-data", "fault"]] | None = Field(
        None, examples=[["limit-high"]]
    )
    kind: list[str] | None = Field(None, examples=[["ch4"]])
    enterprise: list[str] | None = Field(None, examples=[["M001"]])
    source: list[str] | None = Field(None, examples=[["face-*"]])
    point: list[str] | None = Field(None, examples=[["CH4-*"]])


class RouteSettings(_Section):
    """Who hears of which alarms."""

    match: Match = Match()
    channels: list[str] = Field(min_length=1, examples=[["duty"]])
    continue_: bool = Field(False, alias="continue")


class Notify(_Section):
    """Channels and routes."""

    channels: list[Channel] = []
    routes: list[RouteSettings] = []


class Settings(BaseSettings):
    """The whole configuration, frozen."""

    model_config = SettingsConfigDict(
        env_prefix="HAZMON_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    mqtt: Mqtt = Mqtt()
    data: Data = Data()
    plant: PlantFolder = PlantFolder()
    store: Store = Store()
    api: Api = Api()
    ingest: Ingest = Ingest()
    log: LogKeeping = LogKeeping()
    alerting: Alerting = Alerting()
    notify: Notify = Notify()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; nothing else."""
        return env_settings, init_settings


def load_settings(
    file: Path, environ: Mapping[str, str] = os.environ, channel_secrets: Literal["required", "not_needed"] = "required"
) -> Settings:
    """Read the configuration file and what the environment says over it.

    Parameters
    ----------
    file : Path
        The TOML file. Relative paths in it are relative to its folder.
    environ : mapping
        Where channels' secrets are looked for.
    channel_secrets : {"required", "not_needed"}
        Whether a channel whose secret is missing from the environment is a mistake; a command that sends nothing
        does not need them.

    Raises
    ------
    ConfigError
        With one line for each mistake: file, key, what is wrong and what would be right.
    """
    document = _read_toml(file)
    mistakes = [
        f"{file}: {section}.{key}: secrets are not kept in this file; set HAZMON_{section.upper()}__{key.upper()} "
        f"or name a file in {section}.{key}_file"
        for section, key in sorted(_SECRETS)
        if isinstance(document.get(section), dict) and key in document[section]
    ]
    mistakes += _unknown_sections_in(environ)
    try:
        settings = Settings(**document)
    except ValidationError as error:
        raise ConfigError(mistakes + [_line(file, e) for e in error.errors(include_url=False)]) from error
    except TypeError as error:  # a TOML key that is no word for Python, such as "a b" at the top
        raise ConfigError([*mistakes, f"{file}: {error}"]) from error
    mistakes += _cross_checks(file, settings)
    if channel_secrets == "required":
        mistakes += _missing_secrets(file, settings, environ)
    if mistakes:
        raise ConfigError(mistakes)
    return _with_absolute_paths(settings, file.resolve().parent)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError([f"{file}: no such file; give its path with -c, or start from deploy/hazmon.toml"]) from None
    except OSError as error:
        raise ConfigError([f"{file}: can't be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{file}: is not UTF-8; save it as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{file}: is not TOML: {error}"]) from None


def _unknown_sections_in(environ: Mapping[str, str]) -> list[str]:
    mistakes = []
    for name in sorted(environ):
        if name.upper().startswith("HAZMON_") and "__" in name:
            section = name[len("HAZMON_") :].split("__", 1)[0].lower()
            if section not in Settings.model_fields:
                mistakes.append(
                    f"environment: {name}: there is no section {section};{_near(section, Settings.model_fields)}"
                )
    return mistakes


def _near(word: str, words: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, words, 1)
    return f" did you mean {close[0]}?" if close else f" there are: {', '.join(sorted(words))}"


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model whose field the last part of ``location`` names."""
    model: Any = Settings
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        field = _field(model, str(part))
        if field is None:
            return None
        annotation = field.annotation
        model = annotation if isinstance(annotation, type) and not hasattr(annotation, "__args__") else None
        if model is None:
            inner = [a for a in getattr(annotation, "__args__", ()) if isinstance(a, type) and issubclass(a, BaseModel)]
            model = inner[0] if inner else None
        if model is None:
            return None
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _field(model: type[BaseModel], name: str) -> Any:
    fields = model.model_fields
    return fields.get(name) or next((f for f in fields.values() if f.alias == name), None)


def _line(file: Path, error: Any) -> str:
    location = tuple(error["loc"])
    key = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in location).lstrip(".")
    model = _model_at(location)
    name = next((str(p) for p in reversed(location) if isinstance(p, str)), "")
    where = f"{file}: {key}"
    env = f"HAZMON_{'__'.join(str(p).upper() for p in location)}"
    if any(env == n.upper() for n in os.environ):
        where = f"environment: {env}"
    if error["type"] == "extra_forbidden":
        known = {f.alias or n: f for n, f in model.model_fields.items()} if model else {}
        return f"{where}: there is no such key;{_near(name, known)}"
    example = None
    if model is not None and (field := _field(model, name)) is not None and field.examples:
        example = " or ".join(_toml(e) for e in field.examples)
    right = f"; give e.g. {example}" if example else ""
    if error["type"] == "missing":
        return f"{where}: is missing{right}"
    what = error["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return f"{where}: {_toml(error['input'])} {what}{right}"


def _toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + re.sub(r"//[^/@\s]*@", "//***@", value) + '"'  # an address may carry a password
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{...}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _missing_secrets(file: Path, settings: Settings, environ: Mapping[str, str]) -> list[str]:
    return [
        f"{file}: notify.channels[{k}].secret_env: the environment has no {channel.secret_env}; "
        "set it to the signing secret, whsec_... as the Standard Webhooks specification says"
        for k, channel in enumerate(settings.notify.channels, 1)
        if not environ.get(channel.secret_env)
    ]


def _cross_checks(file: Path, settings: Settings) -> list[str]:
    mistakes = []
    names = [c.name for c in settings.notify.channels]
    for k, channel in enumerate(settings.notify.channels, 1):
        if names.index(channel.name) != k - 1:
            mistakes.append(
                f"{file}: notify.channels[{k}].name: {channel.name} is taken already; give each its own name"
            )
    for k, route in enumerate(settings.notify.routes, 1):
        for name in route.channels:
            if name not in names:
                have = ", ".join(names) or "none"
                mistakes.append(f"{file}: notify.routes[{k}].channels: there is no channel {name}; there are: {have}")
    for k, taken in enumerate(settings.ingest.routes, 1):
        try:
            taken.spec()
            if taken.mapping is not None:
                load_mapping(file.parent / taken.mapping)
        except RouteError as error:
            mistakes.append(f"{file}: ingest.routes[{k}].{error.key}: {error.problem}")
        except MappingError as error:
            mistakes += [f"{file}: ingest.routes[{k}].mapping: {mistake}" for mistake in error.mistakes]
    try:
        zoneinfo.ZoneInfo(settings.alerting.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        mistakes.append(
            f'{file}: alerting.time_zone: "{settings.alerting.time_zone}" is not a time zone; give e.g. "Asia/Shanghai"'
        )
    for section, key in sorted(_SECRETS):
        path = getattr(getattr(settings, section), f"{key}_file")
        if path is not None and not (file.parent / path).is_file():
            mistakes.append(f"{file}: {section}.{key}_file: there is no file {path}")
    return mistakes


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    """Paths made absolute against the file's folder, secrets read from their files."""

    def placed(section: BaseModel) -> BaseModel:
        changes: dict[str, object] = {
            name: folder / value for name, value in section if isinstance(value, Path) and not value.is_absolute()
        }
        for secret in ("password", "token"):
            path = getattr(section, f"{secret}_file", None)
            if path is not None and getattr(section, secret) is None:
                changes[secret] = SecretStr((folder / path).read_text(encoding="utf-8").strip())
        if isinstance(section, Ingest):
            changes["routes"] = [placed(route) for route in section.routes]
        return section.model_copy(update=changes)

    return settings.model_copy(
        update={name: placed(section) for name, section in settings if isinstance(section, _Section)}
    )
