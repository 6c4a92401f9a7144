"""POPDG, its baselines and the metric suite. Reads releases and nothing else."""
