"""Reads a configuration; the official one returns a dictionary whose entries are attributes too."""

from types import SimpleNamespace

import yaml


def update_config(config_file):
    with open(config_file) as file:
        return SimpleNamespace(**yaml.safe_load(file))
