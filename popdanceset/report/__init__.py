"""The report: one page that shows how a dataset version came about, readable without a network."""
