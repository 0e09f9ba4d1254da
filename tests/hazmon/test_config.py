"""A wrong configuration is told in one line per mistake: which key of which file, and what would be right."""

from pathlib import Path

import pytest

from hazmon.config import ConfigError, Settings, load_settings

SECRET = {"DUTY_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
CHANNEL = (
    '[[notify.channels]]\nname="duty"\nkind="webhook"\nurl="https://duty.example/hook"\nsecret_env="DUTY_SECRET"\n'
)


def load(tmp_path: Path, text: str, environ: dict[str, str] = SECRET) -> Settings:
    file = tmp_path / "hazmon.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def mistakes(tmp_path: Path, text: str, environ: dict[str, str] = SECRET) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ)
    return [m.replace(f"{tmp_path}/", "") for m in caught.value.mistakes]


def test_an_empty_file_gives_the_documented_defaults(tmp_path):
    s = load(tmp_path, "")
    assert (s.mqtt.url, s.store.url, s.api.listen) == ("mqtt://127.0.0.1:1883", "duckdb", "127.0.0.1:8080")
    assert s.plant.dir == tmp_path / "plant", "relative paths are relative to the file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[mqtt]\nurll = "x"', "hazmon.toml: mqtt.urll: there is no such key; did you mean url?"),
        ("[mqqt]\n", "hazmon.toml: mqqt: there is no such key; did you mean mqtt?"),
        (
            '[mqtt]\nurl = "tcp://broker"',
            'hazmon.toml: mqtt.url: "tcp://broker" is not a broker\'s address; give e.g. "mqtts://broker:8883"',
        ),
        (
            '[mqtt]\nurl = "mqtt://me:secret@broker"',
            "mqtt.url",
        ),
        (
            "[ingest]\ncommit_every_ms = 0",
            "hazmon.toml: ingest.commit_every_ms: 0 should be greater than or equal to 1",
        ),
        ('[log]\nkeep = "soon"', "hazmon.toml: log.keep:"),
        ('[alerting]\ntime_zone = "Mars/Base"', 'hazmon.toml: alerting.time_zone: "Mars/Base" is not a time zone'),
        (
            '[store]\nurl = "postgres://x"',
            'hazmon.toml: store.url: "postgres://x" is not a store; give e.g. "duckdb" or',
        ),
        ('[api]\nlisten = "8080"', 'hazmon.toml: api.listen: "8080" is not HOST:PORT; give e.g. "127.0.0.1:8080"'),
        (
            '[mqtt]\npassword = "p"',
            "hazmon.toml: mqtt.password: secrets are not kept in this file; set HAZMON_MQTT__PASSWORD",
        ),
        ('[mqtt]\npassword_file = "nowhere"', "hazmon.toml: mqtt.password_file: there is no file nowhere"),
        ("[mqtt", "hazmon.toml: is not TOML:"),
        (
            CHANNEL.replace("https://duty.example/hook", "duty"),
            'hazmon.toml: notify.channels[1].url: "duty" is not a web address; give e.g. "https://duty.example/hook"',
        ),
        (CHANNEL + CHANNEL, "hazmon.toml: notify.channels[2].name: duty is taken already"),
        (
            CHANNEL + '[[notify.routes]]\nchannels=["night"]\n',
            "hazmon.toml: notify.routes[1].channels: there is no channel night; there are: duty",
        ),
        (
            CHANNEL + '[[notify.routes]]\nchannels=["duty"]\nmatch={severity=["purple"]}\n',
            "hazmon.toml: notify.routes[1].match.severity",
        ),
        (
            '[[notify.channels]]\nname="duty"\nkind="webhook"\nsecret_env="DUTY_SECRET"\n',
            'hazmon.toml: notify.channels[1].url: is missing; give e.g. "https://duty.example/hook"',
        ),
        (
            '[[ingest.routes]]\ntopic="t/#"\nformat="senml"\n',
            'hazmon.toml: ingest.routes[1].format: "senml" should be',
        ),
        (
            '[[ingest.routes]]\ntopic="t"\nformat="json"\npiont="x"\n',
            "routes[1].piont: there is no such key; did you mean",
        ),
        (
            '[[ingest.routes]]\ntopic="t/#/x"\nformat="senml-json"\nenterprise="M001"\n',
            'hazmon.toml: ingest.routes[1].topic: "t/#/x" has # before its last level',
        ),
        (
            '[[ingest.routes]]\ntopic="t"\nformat="senml-json"\n',
            'hazmon.toml: ingest.routes[1].enterprise: is missing; give e.g. "M001"',
        ),
        (
            '[[ingest.routes]]\ntopic="t"\nformat="senml-json"\nmapping="nowhere.csv"\n',
            "hazmon.toml: ingest.routes[1].mapping: nowhere.csv: can't be read: No such file",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_remedy(tmp_path, text, expected):
    (line,) = mistakes(tmp_path, text)
    assert expected in line
    assert "\n" not in line
    assert "secret@" not in line, "a password is not repeated"


def test_all_mistakes_at_once(tmp_path):
    lines = mistakes(tmp_path, '[mqtt]\nurll="x"\nkeepalive_s=1\n[api]\nlisten="x"\n')
    assert [line.split(": ")[1] for line in lines] == ["mqtt.keepalive_s", "mqtt.urll", "api.listen"]


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(tmp_path / "nowhere.toml")


def test_a_missing_channel_secret_says_which_variable(tmp_path):
    (line,) = mistakes(tmp_path, CHANNEL, environ={})
    assert "notify.channels[1].secret_env: the environment has no DUTY_SECRET" in line
    file = tmp_path / "hazmon.toml"
    assert load_settings(file, {}, channel_secrets="not_needed").notify.channels[0].name == "duty"


def test_the_environment_wins_and_its_mistakes_name_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HAZMON_API__LISTEN", "127.0.0.1:9999")
    monkeypatch.setenv("HAZMON_MQTT__PASSWORD", "hush")
    s = load(tmp_path, '[api]\nlisten = "127.0.0.1:1"\n')
    assert s.api.listen == "127.0.0.1:9999"
    assert "hush" not in repr(s)
    assert s.mqtt.password is not None
    assert s.mqtt.password.get_secret_value() == "hush"
    monkeypatch.setenv("HAZMON_MQTT__KEEPALIVE_S", "often")
    (line,) = mistakes(tmp_path, "")
    assert line.startswith("environment: HAZMON_MQTT__KEEPALIVE_S: ")
    monkeypatch.delenv("HAZMON_MQTT__KEEPALIVE_S")
    monkeypatch.setenv("HAZMON_MQTT__URLL", "x")
    (line,) = mistakes(tmp_path, "")
    assert line == "environment: HAZMON_MQTT__URLL: there is no such key; did you mean url?"


def test_an_unknown_section_in_the_environment(tmp_path):
    (line,) = mistakes(tmp_path, "", {"HAZMON_MQQT__URL": "x"})
    assert line == "environment: HAZMON_MQQT__URL: there is no section mqqt; did you mean mqtt?"


def test_a_secret_from_its_file(tmp_path):
    (tmp_path / "token").write_text("t0ken\n")
    s = load(tmp_path, '[store]\ntoken_file = "token"\n')
    assert s.store.token is not None
    assert s.store.token.get_secret_value() == "t0ken"


def test_settings_are_frozen(tmp_path):
    s = load(tmp_path, "")
    with pytest.raises(ValueError, match="frozen"):
        s.api.listen = "x"  # type: ignore[misc]
