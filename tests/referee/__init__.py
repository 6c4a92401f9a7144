"""The referee of the pose stage: `tests/benchmarks/pose.py` prints what it finds.

clips        films with known truth: shared media, several views of a person, films on trial
contestants  estimators of this tree, and the code of an earlier commit, each in a process of its own
measures     a pose table against the truth
bounds       what error would remain if the network saw perfectly
verdict      tables of all figures, means and targets
"""
