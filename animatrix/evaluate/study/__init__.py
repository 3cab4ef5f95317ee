"""The human study: from folders of clips to a blind, randomised, balanced study, and to its votes.

rubric.yaml      the five dimensions and their anchors, in three languages; rubric.py reads it
records.py       one answered trial, as the statistics read it
definition.py    folders of clips checked and made into a study folder; sources.py reads them
frames.py        clips as packs of lossless frames, all of one form
design.py        who sees what, when and on which side: drawn beforehand from the seed
store.py         votes, exactly once: SQLite, or PostgreSQL by a URL (database.py)
security.py      invitations, signed cookies, opaque names
server.py        what a browser sees
export.py        votes as JSONL and CSV
"""
