"""Prefect flows: what runs when, where, and with which retries and limits. They hold no logic of their own."""
