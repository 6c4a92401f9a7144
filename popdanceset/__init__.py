"""PopDanceSet: keeps a popular-dance dataset alive, from video statistics to pose shards."""

__version__ = "0.1.0"
