"""Engines that do a stage's work on many machines (`popdanceset.engine`); the setting `engine` chooses one.

ray_data     `engine=ray`: Ray Data inside the one task of a stage
"""
