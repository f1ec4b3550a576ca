"""`yt8m report`: compares runs on a single, self-contained HTML page.

`measuring.py` scores a run, `classes.py` chooses classes, `drawing.py` draws, `page.py` puts the page together from `page.html`,
`building.py` is the order of things. docs/reports.md says what the page shows and how it is defined.
"""
