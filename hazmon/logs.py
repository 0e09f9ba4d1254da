"""How the program speaks to whoever runs it: events with their facts, one line each, on standard error."""

import logging
import sys

import structlog

__all__ = ["set_up_logs"]


def set_up_logs(level: int = logging.INFO) -> None:
    """Log to standard error: colour for a person, key=value for a file or the systemd journal.

    Other libraries speak only from WARNING on; httpx in particular would print whole URLs at INFO, and the
    addresses of webhooks carry secrets.
    """
    person = sys.stderr.isatty()
    renderer = (
        structlog.dev.ConsoleRenderer()
        if person
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if person else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
