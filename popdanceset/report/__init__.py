"""The report: one page that shows how a dataset version was made, readable without a network."""
