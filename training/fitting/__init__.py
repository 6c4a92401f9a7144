"""Fitting a network to a release: the training loop, its optimizer, checkpoints and logs."""
