"""The commands of this package, one a module. They import their work when they run, so that `--help` is
fast."""
