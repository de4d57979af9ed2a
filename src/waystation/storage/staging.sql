-- Batches being filled, and the ledger of their chunks. Tables themselves are made in staging.py.

-- The batch that a task made.
-- name: of_task
SELECT * FROM batches WHERE task = %(task)s

-- The parts of a batch.
-- name: parts
SELECT id, relation, attached FROM parts WHERE batch = %(batch)s ORDER BY id

-- A new batch, invisible to readers.
-- name: insert_batch
INSERT INTO batches (dataset, task, mode, columns, header, sha256)
VALUES (%(dataset)s, %(task)s, %(mode)s, %(columns)s, %(header)s, %(sha256)s) RETURNING id

-- A partition of a batch; its id is the value of `_batch` in its rows.
-- name: insert_part
INSERT INTO parts (batch, relation) VALUES (%(batch)s, '') RETURNING id

-- The name of a part's table.
-- name: name_part
UPDATE parts SET relation = %(relation)s WHERE id = %(id)s

-- How large a part is.
-- name: pages
SELECT pg_relation_size(%(table)s::regclass) / current_setting('block_size')::int AS pages

-- The index gets to know some full ranges of pages.
-- name: summarize
SELECT brin_summarize_range(%(index)s::regclass, page)
FROM generate_series(%(first)s::bigint, %(end)s::bigint - 1, %(step)s::bigint) page

-- The index gets to know every range that it does not know.
-- name: summarize_rest
SELECT brin_summarize_new_values(%(index)s::regclass)

-- One chunk of the file is in.
-- name: insert_chunk
INSERT INTO chunks (batch, start_offset, end_offset, part, first_row, last_row, line, lines, good, bad, zones, reasons)
VALUES (%(batch)s, %(start)s::bigint, %(end)s::bigint, %(part)s, %(first_row)s::bigint, %(last_row)s::bigint, %(line)s::bigint,
        %(lines)s::bigint, %(good)s::bigint, %(bad)s::bigint, %(zones)s, %(reasons)s)

-- The chunks that are in, from a place in the file on.
-- name: ledger
SELECT start_offset AS start, end_offset AS "end", first_row, last_row, line, lines, good, bad, zones, reasons
FROM chunks WHERE batch = %(batch)s AND start_offset >= %(since)s::bigint ORDER BY start_offset

-- The last record that is in.
-- name: last_row
SELECT coalesce(max(last_row), 0) AS number FROM chunks WHERE batch = %(batch)s
