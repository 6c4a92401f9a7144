"""The demo: the whole pipeline on one machine, against the offline Bilibili in the package.

command.py         `popdanceset demo` and the summary that it prints
chain.py           the `refresh` flow against a simulated section
accuracy.py        the distance of the poses from the known truth
training.py        a minute of training, dances to the test music, and metrics
local_server.py    a private Prefect server
"""
