"""Training: one visible loop for all tasks; a run is a folder.

recipe.py      the contracts: what a learner offers the loop, and what the loop reads of a recipe
learner.py     what learners of one net have in common
loop.py        the loop itself
run.py         from a recipe's name to a run folder, and from there to weights
script.py      the same as a script, for launchers of several processes
options.py     the knobs of `train`
ranges.py      what the numbers of a recipe can be
weight_gradients.py    convolutions' weight gradients where bfloat16 is slow
optimizer.py   Muon, and Adam for the rest
checkpoint.py  what a run can go on from
stats.py       the numbers of a run, step by step
progress.py    how far it is, on a terminal
lock.py        one process trains in a run at a time
stop.py        Ctrl-C, SIGTERM and SIGHUP end it well
"""
