"""The bench: trains models with several seeds on releases, and compares them in the tables of the paper."""
