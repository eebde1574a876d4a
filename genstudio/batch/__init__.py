"""Batches: many pictures, one after the other, through the same function.

plan = batch.plan(["photos"], "big", files)
for result in batch.run(plan, ...): ...

planning.py  plans which file becomes which, and refuses what cannot work, before any work begins
running.py   runs the plan; a bad picture does not stop the rest
"""

from genstudio.batch.planning import STDIO, Job, Plan, only_read, plan
from genstudio.batch.running import Progress, Result, content_of, run

__all__ = ["STDIO", "Job", "Plan", "Progress", "Result", "content_of", "only_read", "plan", "run"]
