"""POPDG and the metrics: training, sampling, export, evaluation. Reads releases and nothing else."""
