"""The command line, the configuration, and service.py, which builds and connects everything."""

__version__ = "0.1.0"
