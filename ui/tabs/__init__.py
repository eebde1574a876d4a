"""The page's tabs, a file each: one for every task, `compare`, `train` and `models`. Each offers `tab`."""
