"""The vocabulary that every other folder speaks, and the catalogue of kinds, placements and limits.

Nothing here touches a network or a database: readings and their quality, conditions and severities,
the plant as its engineers wrote it down, and the entries of the log.
"""
