"""`yt8m tune`: trials of a recipe. Each is a training run in its own process; Optuna chooses and prunes them.

`space.py` reads the search space. `study.py` alone knows Optuna.
`processes.py` is the process of a trial, `jobs.py` and `sharing.py` decide how many trials run in parallel, `directory.py` has
the files of a study, `session.py` and `tuning.py` run the trials, and `report.py` draws the picture.
"""
