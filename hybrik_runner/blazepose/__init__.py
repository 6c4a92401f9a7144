"""The embedded default: BlazePose on the CPU, with real weights and no licence gate."""
