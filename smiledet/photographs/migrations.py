"""The tables of the store of photographs, version by version.

A change of the tables is one more entry at the end of `MIGRATIONS`; an entry that has been released is never changed.
"""

from __future__ import annotations

from smiledet.system.database import Tables

FIRST = """
CREATE TABLE editions (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    tasks TEXT NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,
    position REAL NOT NULL DEFAULT -1,
    folder BLOB NOT NULL,
    name TEXT NOT NULL,
    natural TEXT NOT NULL,
    mtime_ns INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES contents (id),
    UNIQUE (path, position)
);
CREATE INDEX files_by_content ON files (content, natural);
CREATE INDEX files_by_folder ON files (folder, content);
CREATE INDEX files_by_text ON files (name, content);
CREATE TABLE photographs (
    id INTEGER PRIMARY KEY,
    edition INTEGER NOT NULL REFERENCES editions (id),
    content INTEGER NOT NULL REFERENCES contents (id),
    file INTEGER,
    natural TEXT,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    taken TEXT,
    dated TEXT NOT NULL,
    sharpness REAL,
    phash INTEGER,
    detector TEXT NOT NULL DEFAULT '',
    turned INTEGER NOT NULL DEFAULT 0,
    failed TEXT,
    indexed_at TEXT NOT NULL,
    face_count INTEGER NOT NULL,
    smile REAL,
    least_smile REAL,
    least_eyes_open REAL,
    doubt REAL,
    stack INTEGER,
    place INTEGER NOT NULL DEFAULT 0,
    UNIQUE (edition, content)
);
CREATE INDEX photographs_by_content ON photographs (content);
CREATE INDEX photographs_by_name ON photographs (edition, natural) WHERE failed IS NULL;
CREATE INDEX photographs_by_date ON photographs (
    edition, dated, place, content, face_count, least_smile, least_eyes_open, stack, smile
) WHERE failed IS NULL;
CREATE INDEX photographs_by_smile ON photographs (
    edition, smile, place, content, face_count, least_smile, least_eyes_open, stack, dated
) WHERE failed IS NULL;
CREATE INDEX photographs_by_doubt ON photographs (
    edition, doubt, place, content, face_count, least_smile, least_eyes_open, stack, dated
) WHERE failed IS NULL;
CREATE INDEX photographs_by_stack ON photographs (stack) WHERE stack IS NOT NULL;
CREATE TABLE faces (
    id INTEGER PRIMARY KEY,
    photograph INTEGER NOT NULL REFERENCES photographs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL,
    detection_score REAL NOT NULL,
    yaw REAL, pitch REAL, roll REAL,
    eyes_open REAL,
    smile_intensity REAL,
    sharpness REAL,
    UNIQUE (photograph, number)
);
CREATE TABLE readings (
    face INTEGER NOT NULL REFERENCES faces (id) ON DELETE CASCADE,
    task TEXT NOT NULL,
    label TEXT NOT NULL,
    score REAL NOT NULL,
    number REAL,
    scores BLOB NOT NULL,
    corrected TEXT,
    PRIMARY KEY (face, task)
) WITHOUT ROWID;
CREATE INDEX readings_by_number ON readings (task, number, face) WHERE number IS NOT NULL;
CREATE TABLE classes (
    edition INTEGER NOT NULL,
    task TEXT NOT NULL,
    label TEXT NOT NULL,
    photograph INTEGER NOT NULL REFERENCES photographs (id) ON DELETE CASCADE,
    PRIMARY KEY (edition, task, label, photograph)
) WITHOUT ROWID;
CREATE INDEX classes_by_photograph ON classes (photograph);
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY,
    content INTEGER NOT NULL REFERENCES contents (id),
    x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL,
    task TEXT NOT NULL,
    label TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX corrections_by_content ON corrections (content);
CREATE TABLE marks (
    content INTEGER PRIMARY KEY REFERENCES contents (id),
    mark TEXT NOT NULL CHECK (mark IN ('keep', 'reject')),
    at TEXT NOT NULL
);
CREATE TABLE stacks (
    id INTEGER PRIMARY KEY,
    edition INTEGER NOT NULL REFERENCES editions (id),
    best INTEGER NOT NULL REFERENCES photographs (id) ON DELETE CASCADE,
    reasons TEXT NOT NULL
);
CREATE INDEX stacks_by_edition ON stacks (edition);
CREATE TABLE videos (
    path BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    edition INTEGER NOT NULL REFERENCES editions (id),
    every REAL NOT NULL,
    PRIMARY KEY (path, edition)
) WITHOUT ROWID;
CREATE TRIGGER files_come AFTER INSERT ON files BEGIN
    UPDATE photographs
    SET (file, natural) = (SELECT id, natural FROM files WHERE content = new.content ORDER BY natural LIMIT 1)
    WHERE content = new.content;
END;
CREATE TRIGGER files_change AFTER UPDATE OF content ON files WHEN old.content <> new.content BEGIN
    UPDATE photographs
    SET (file, natural) = (SELECT id, natural FROM files WHERE content = new.content ORDER BY natural LIMIT 1)
    WHERE content = new.content;
    UPDATE photographs
    SET (file, natural) = (SELECT id, natural FROM files WHERE content = old.content ORDER BY natural LIMIT 1)
    WHERE content = old.content;
    DELETE FROM photographs WHERE content = old.content AND file IS NULL;
END;
CREATE TRIGGER files_go AFTER DELETE ON files BEGIN
    UPDATE photographs
    SET (file, natural) = (SELECT id, natural FROM files WHERE content = old.content ORDER BY natural LIMIT 1)
    WHERE content = old.content;
    DELETE FROM photographs WHERE content = old.content AND file IS NULL;
END;
CREATE TRIGGER photographs_come AFTER INSERT ON photographs BEGIN
    UPDATE photographs
    SET (file, natural) = (SELECT id, natural FROM files WHERE content = new.content ORDER BY natural LIMIT 1)
    WHERE id = new.id;
END;
"""
"""A photograph is what a content is read as under an edition; files point at contents, and the last file to go takes
its photographs along. What a person says (marks and corrections) belongs to the content, so that it outlives other
models and files that are moved. The wide indexes let filters be tried without a look at the table."""

STACKS_KEPT = """
ALTER TABLE stacks ADD COLUMN weights TEXT NOT NULL DEFAULT '';
"""
"""What the best was chosen by; empty where it has to be chosen anew. So only stacks that changed are looked into."""

MOUTHS = """
ALTER TABLE faces ADD COLUMN mouth_open REAL;
"""
"""Of faces that were stored before, nobody knows it."""

MIGRATIONS = (FIRST, STACKS_KEPT, MOUTHS)

TABLES = Tables("photographs", MIGRATIONS)
