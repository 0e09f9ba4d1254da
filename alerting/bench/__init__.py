"""How fast the engine is, against the same rules as one compiled loop and against what else one might take.

`report.run` is what ``hazmon bench engine`` calls. numba, pandas, polars and bytewax are needed only here and
only when a comparison that uses them runs; what is not installed is left out, and the report says so.
"""
