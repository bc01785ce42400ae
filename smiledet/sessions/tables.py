"""The tables of the store of sessions, version by version; an entry that has been released is never changed."""

from __future__ import annotations

from smiledet.system.database import Tables

FIRST = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    began REAL NOT NULL,
    ended REAL NOT NULL,
    frames INTEGER NOT NULL DEFAULT 0,
    drops TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    track INTEGER NOT NULL,
    first REAL NOT NULL,
    last REAL NOT NULL,
    frames INTEGER NOT NULL,
    labels TEXT NOT NULL,
    numbers TEXT NOT NULL,
    smiles INTEGER NOT NULL,
    longest_smile REAL NOT NULL,
    intensity REAL,
    spans TEXT,
    picture BLOB
);
CREATE INDEX sessions_by_last ON sessions (last);
CREATE TABLE sums (
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    source TEXT NOT NULL,
    task TEXT NOT NULL,
    label TEXT NOT NULL,
    amount REAL NOT NULL,
    PRIMARY KEY (width, start, source, task, label)
) WITHOUT ROWID;
"""
"""Times are seconds since 1970. `drops` is JSON: frames by stage and cause. Of a session, `labels` are seconds by task
and label, `numbers` means with their seconds by task, `spans` rows of task, label, begin and end, NULL once it is old.
`sums` are minutes, hours and days (of local time) by `width` in seconds; an empty task counts presence, people and
smiles."""

TABLES = Tables("sessions", (FIRST,), mark=0x736D6C64)
"""Marked with the letters smld."""
