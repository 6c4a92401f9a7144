"""Prefect flows: what runs when and where, with which retries and limits. No logic of their own."""
