"""Checks of `popdanceset doctor` that need Prefect or an engine."""
