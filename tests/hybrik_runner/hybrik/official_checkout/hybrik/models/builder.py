"""Builds a network by the TYPE of its configuration; the rest are keyword arguments."""

REGISTERED = {}


def build_sppe(cfg):
    arguments = cfg.copy()
    return REGISTERED[arguments.pop("TYPE")](**arguments)
