"""The fault bed: a small offline world in which things go wrong; nothing may be lost or doubled."""
