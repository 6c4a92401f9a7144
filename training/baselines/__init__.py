"""Earlier models that POPDG is compared with, one room each, on the same data and with the same exporters.

They are written from descriptions of what the public code computes and checked against values that it
recorded: `python -m training.baselines.NAME.check FOLDER`. No weights are included; `load_released` of each
room reads the authors' files.
"""
