"""The operators' page: open alarms as they change, acknowledging, trends, points. NiceGUI on the API's application."""

from api.console.mount import mount_console

__all__ = ["mount_console"]
