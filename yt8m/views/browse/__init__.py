"""`yt8m browse`: shows videos with their clips and labels on a single, self-contained HTML page.

`gathering.py` finds what is known of the videos, `strips.py` makes their thumbnails, `related.py` finds clips that are alike,
`page.py` puts the page together from `page.html`, `page.css` and `page.js`, `building.py` is the order of things, and
`serving.py` shows the page on this machine without a file. docs/browsing.md says what the page shows.
"""
