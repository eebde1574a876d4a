"""Many pictures through one piece of work.

plan = batch.plan(["photos"], "big", files)
for result in batch.run(plan, ...): ...

planning.py  which file becomes which: decided, and refused where it cannot end well, before any work
running.py   one by one, so that one bad picture does not stop the rest
"""

from genstudio.batch.planning import STDIO, Job, Plan, only_read, plan
from genstudio.batch.running import Progress, Result, run

__all__ = ["STDIO", "Job", "Plan", "Progress", "Result", "only_read", "plan", "run"]
