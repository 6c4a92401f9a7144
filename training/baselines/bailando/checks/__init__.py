"""The parts of `training.baselines.bailando.check`, one module for each part of the model."""
