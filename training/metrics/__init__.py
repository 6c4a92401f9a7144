"""Metrics of dance: one module per metric, and `suite.evaluate_set`, which computes all of them.

Nothing is imported here: import what you need from its module. README.md in this folder lists every number
and everything that the released code computes differently.
"""
