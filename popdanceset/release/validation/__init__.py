"""Checks everything that a release states about itself: `validate(address)`."""

from popdanceset.release.validation.validate import Validation, validate

__all__ = ["Validation", "validate"]
