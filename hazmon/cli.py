"""The command line: reads words, calls the part that does the work, turns a user's mistake into one line and exit 2.

Parts are imported inside their command, so that `hazmon --help` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hazards.durations import parse_duration_ms
from hazmon import __version__
from hazmon.field import run_until_stopped
from hazmon.language import system_language

if TYPE_CHECKING:
    from simulators.publisher import Counts, Speed

__all__ = ["app", "main"]

app = typer.Typer(
    help="hazmon watches major hazard sources (重大危险源) and makes sure that no alarm is missed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
plant_app = typer.Typer(help="The plant's files.", no_args_is_help=True)
key_app = typer.Typer(help="Keys for the HTTP API and the console.", no_args_is_help=True)
bench_app = typer.Typer(help="How fast it is on this machine.", no_args_is_help=True)
app.add_typer(plant_app, name="plant")
app.add_typer(bench_app, name="bench")
app.add_typer(key_app, name="key")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    app(args=None if arguments is None else list(arguments))


def _refuse(*lines: str) -> NoReturn:
    """A user's mistake: what is wrong and what would be right, exit 2."""
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(2)


def _seconds(text: str) -> float:
    try:
        return parse_duration_ms(text) / 1000
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _speed(text: str) -> "Speed":
    """A factor, or ``max``."""
    if text == "max":
        return "max"
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise typer.BadParameter(f"{text!r} is no speed; give a number above 0 such as 10, or max")
    return factor


def _finite_speed(text: str) -> float:
    factor = _speed(text)
    if factor == "max":
        raise typer.BadParameter("the demo is live; give a number such as 2")
    return factor


ConfigFile = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.", show_default=True)]
_PASSWORD = "HAZMON_MQTT__PASSWORD"
_BROKER = "mqtt://127.0.0.1:1883"
Broker = Annotated[str, typer.Option(help=f"The broker, mqtt://[user@]host:port; its password from {_PASSWORD}.")]
SpeedOption = Annotated[
    Any, typer.Option(parser=_speed, metavar="FACTOR|max", help="Times faster than life; max does not wait.")
]
ForOption = Annotated[
    float | None, typer.Option("--for", parser=_seconds, metavar="DURATION", help="How long, e.g. 10m.")
]
CaFileOption = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="With mqtts: certificates that are believed (PEM).")
]
StartOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="When the first reading was, RFC 3339; for a recording without dates."),
]
ColumnsOption = Annotated[bool, typer.Option("--columns", help="One message for all readings of a moment.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hazmon {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    for_: Annotated[
        float | None, typer.Option("--for", parser=_seconds, metavar="DURATION", help="Stop after this long, e.g. 60s.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write what happened as JSON to this file.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The console's port; 0 takes a free one.")] = 8080,
    speed: Annotated[
        float, typer.Option(parser=_finite_speed, metavar="FACTOR", help="How fast the plant lives.")
    ] = 1.0,
) -> None:
    """The whole system on this machine, nothing else installed: broker, simulated plant, alarms, console.

    Example: hazmon demo --for 60s --report report.json
    """
    from hazmon.demo import run_demo

    raise typer.Exit(run_demo(for_s=for_, report=report, port=port, speed=speed, language=system_language()))


@app.command()
def run(config: ConfigFile = Path("hazmon.toml")) -> None:
    """The service, against the configured broker and store, until it is told to stop.

    Example: hazmon run -c /etc/hazmon/hazmon.toml
    """
    from hazards.plant_files import PlantError, load_plant
    from hazmon.config import ConfigError, load_settings

    try:
        settings = load_settings(config)
        plant = load_plant(settings.plant.dir)
    except ConfigError as error:
        _refuse(*error.mistakes)
    except PlantError as error:
        _refuse(*(str(m) for m in error.mistakes))
    from hazmon.service import ServiceError, run_service

    try:
        run_service(settings, plant)
    except ServiceError as error:
        _refuse(str(error))


@key_app.command("create")
def key_create(
    role: Annotated[str, typer.Option(help="viewer, operator, engineer or admin.")],
    name: Annotated[str, typer.Option(help="Whose key it is; acknowledgements and the audit trail carry it.")],
    config: ConfigFile = Path("hazmon.toml"),
    enterprise: Annotated[str | None, typer.Option(help="Only this enterprise's data.")] = None,
) -> None:
    """Make a key for the API and the console, and print it, once.

    Example: hazmon key create -c hazmon.toml --role operator --name "Zhang San"
    """
    from alerting.errors import JournalError
    from api.keys import Role
    from hazmon.config import ConfigError, load_settings
    from hazmon.keys import create_key

    roles = {r.word: r for r in Role}
    if role not in roles:
        _refuse(f"--role {role}: there is no such role; give one of {', '.join(roles)}")
    if not name.strip():
        _refuse("--name: is empty; say whose key it is")
    try:
        data = load_settings(config, channel_secrets="not_needed").data.dir
    except ConfigError as error:
        _refuse(*error.mistakes)
    try:
        typer.echo(create_key(data, roles[role], name.strip(), enterprise))
    except (OSError, JournalError) as error:
        _refuse(f"{config}: data.dir {data}: {error}; run this as the user that hazmon runs as")


@plant_app.command("check")
def plant_check(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The plant's folder.")]) -> None:
    """Read plant.toml and points.csv and say everything that is wrong with them.

    Example: hazmon plant check deploy/plant
    """
    from hazards.plant_files import PlantError, load_plant

    try:
        plant = load_plant(folder)
    except PlantError as error:
        _refuse(*(str(m) for m in error.mistakes))
    sources = sum(len(e.sources) for e in plant.enterprises)
    counts = {
        "enterprises": len(plant.enterprises),
        "hazard sources": sources,
        "points": len(plant.measured),
        "derived points": len(plant.derivations),
        "logic points": len(plant.logic),
    }
    typer.echo(f"{folder}: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n))


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or the path of a TOML file.")],
    broker: Broker = _BROKER,
    speed: SpeedOption = 1.0,
    for_: ForOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same plant.")] = 1,
    columns: ColumnsOption = False,
    ca_file: CaFileOption = None,
) -> None:
    """Send a simulated plant's readings to a broker.

    Example: hazmon simulate gas-outburst --broker mqtt://127.0.0.1:1883 --speed 10 --for 10m
    """
    from simulators.errors import SimulatorError
    from simulators.payload import Form
    from simulators.publisher import publish
    from simulators.scenario import load_scenario

    try:
        plan = load_scenario(scenario)
        counts = run_until_stopped(
            lambda stop, progress: publish(
                plan,
                broker,
                password=os.environ.get(_PASSWORD),
                ca_file=ca_file,
                speed=speed,
                for_s=for_,
                seed=seed,
                form=Form.COLUMNS if columns else Form.READING,
                stop=stop,
                progress=progress,
            )
        )
    except SimulatorError as error:
        _refuse(str(error))
    _say_sent(counts)


@app.command()
def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or Parquet files.")],
    broker: Broker = _BROKER,
    speed: SpeedOption = 1.0,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=ENTERPRISE/POINT", help="A column's point; repeatable.")
    ] = None,
    enterprise: Annotated[str | None, typer.Option(help="Columns are points of this enterprise.")] = None,
    start: StartOption = None,
    keep_times: Annotated[bool, typer.Option("--keep-times", help="Leave the recording's times as they are.")] = False,
    columns: ColumnsOption = False,
    ca_file: CaFileOption = None,
) -> None:
    """Send a recording to a broker, at its own pace, faster, or as fast as the broker takes it (--speed max).

    Example: hazmon replay longwall-30s.csv --map MM116=M001/CH4-03 --speed max --start 2026-01-05T06:00:00+08:00
    """
    from simulators.errors import SimulatorError
    from simulators.payload import Form
    from simulators.recording import parse_mapping
    from simulators.replay import replay as send

    start_ms = _start_ms(start)
    try:
        mapping = parse_mapping(map_ or [])
        counts = run_until_stopped(
            lambda stop, progress: send(
                files,
                broker,
                mapping=mapping,
                enterprise=enterprise,
                password=os.environ.get(_PASSWORD),
                ca_file=ca_file,
                speed=speed,
                start_ms=start_ms,
                keep_times=keep_times,
                form=Form.COLUMNS if columns else Form.READING,
                stop=stop,
                progress=progress,
            )
        )
    except SimulatorError as error:
        _refuse(str(error))
    _say_sent(counts)


@app.command()
def record(
    out: Annotated[Path, typer.Option(help="A new file, .csv or .parquet.")],
    broker: Broker = _BROKER,
    for_: ForOption = None,
    enterprise: Annotated[str | None, typer.Option(help="Only this enterprise's readings.")] = None,
    ca_file: CaFileOption = None,
) -> None:
    """Write every native reading that comes by to a file, for replay and backtest.

    Example: hazmon record --out shift.csv --broker mqtt://127.0.0.1:1883 --for 8h
    """
    from simulators.errors import SimulatorError
    from simulators.record import record as write

    try:
        counts = run_until_stopped(
            lambda stop, progress: write(
                broker,
                out,
                password=os.environ.get(_PASSWORD),
                ca_file=ca_file,
                enterprise=enterprise,
                for_s=for_,
                stop=stop,
                progress=progress,
            )
        )
    except SimulatorError as error:
        _refuse(str(error))
    typer.echo(f"{out}: {counts.readings} readings")


@app.command()
def backtest(
    plant: Annotated[Path, typer.Option(metavar="DIR", help="The plant's folder, with the limits to try.")],
    data: Annotated[list[Path], typer.Option(metavar="FILE", help="CSV or Parquet; repeatable.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the alarms to this CSV file instead of printing them.")
    ] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=ENTERPRISE/POINT", help="A column's point; repeatable.")
    ] = None,
    enterprise: Annotated[str | None, typer.Option(help="Columns are points of this enterprise.")] = None,
    start: StartOption = None,
) -> None:
    """The alarms that these limits would have raised on that history, by the live engine.

    Example: hazmon backtest --plant plant --data longwall-30s.csv --map MM116=M001/CH4-03 --out alarms.csv
    """
    from hazards.plant_files import PlantError, load_plant
    from hazmon.backtest import backtest as judge
    from hazmon.backtest import write_alarms
    from simulators.errors import SimulatorError
    from simulators.recording import parse_mapping, read_recording

    try:
        recording = read_recording(data, mapping=parse_mapping(map_ or []), enterprise=enterprise)
        alarms = judge(load_plant(plant), recording, _start_ms(start))
        if out is None:
            write_alarms(alarms, sys.stdout)
        else:
            with out.open("w", newline="", encoding="utf-8") as file:
                write_alarms(alarms, file)
            typer.echo(f"{out}: {len(alarms)} alarms from {len(recording)} readings")
    except PlantError as error:
        _refuse(*(str(m) for m in error.mistakes))
    except SimulatorError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename}: {error.strerror}")


def _start_ms(text: str | None) -> int | None:
    from ingest.decode.native import parse_time_ms

    try:
        return None if text is None else parse_time_ms(text)
    except ValueError as error:
        _refuse(f"--start {error}; give e.g. 2026-01-05T06:00:00+08:00")


def _say_sent(counts: "Counts") -> None:
    lost = f", {counts.dropped} lost" if counts.dropped else ""
    typer.echo(f"{counts.readings} readings in {counts.messages} messages{lost}")
    if counts.dropped:
        raise typer.Exit(1)


@bench_app.command("engine")
def bench_engine(
    scale: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Fewer batches, a quicker and rougher answer.")
    ] = 1.0,
    others: Annotated[bool, typer.Option(help="Also what one would otherwise take: plain Python, pandas, …")] = True,
) -> None:
    """The alarm engine beside the same rules as one compiled loop, a few minutes on one core.

    The compiled loop needs numba: install hazmon with its extra "bench".

    Example: hazmon bench engine --scale 0.1
    """
    from alerting.bench import report

    report.run(typer.echo, scale=scale, others=others)


if __name__ == "__main__":
    main()
