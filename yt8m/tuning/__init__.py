"""`yt8m tune`: trials of a recipe, each a training run in a process of its own, chosen and pruned by Optuna.

`space.py` reads what is searched over, `command_line.py` turns a configuration into flags, `study.py` is all that knows Optuna,
`processes.py` a trial's process, `jobs.py` and `sharing.py` how many run side by side, `directory.py` the files of a study,
`session.py` and `tuning.py` the order of things, `report.py` the picture.
"""
