-- What an export reads: the batches that it pinned, chunk by chunk.

-- An export lists what readers see now, and pins it.
-- name: pin
INSERT INTO pins (task, batch)
SELECT %(task)s, b.id FROM batches b
WHERE b.dataset = %(name)s AND EXISTS (SELECT FROM parts p WHERE p.batch = b.id AND p.attached)
ON CONFLICT DO NOTHING

-- The chunks of the pinned batches in the order in which their files were published and written, after a place.
-- name: pinned_chunks
SELECT b.publish_no, c.start_offset, c.end_offset, p.relation, c.first_row, c.last_row, c.good, c.zones, b.columns
FROM pins JOIN batches b ON b.id = pins.batch JOIN chunks c ON c.batch = b.id JOIN parts p ON p.id = c.part
WHERE pins.task = %(task)s AND c.good > 0 AND (b.publish_no, c.start_offset) > (%(publish_no)s::bigint, %(start)s::bigint)
ORDER BY b.publish_no, c.start_offset
LIMIT %(limit)s::int

-- How many rows the pinned batches have.
-- name: pinned_rows
SELECT coalesce(sum(c.good), 0)::bigint AS rows
FROM pins JOIN chunks c ON c.batch = pins.batch WHERE pins.task = %(task)s

-- The parts of the pinned batches, for those who read all of them at once.
-- name: pinned_parts
SELECT b.publish_no, p.relation, b.columns FROM pins JOIN batches b ON b.id = pins.batch JOIN parts p ON p.batch = b.id
WHERE pins.task = %(task)s ORDER BY b.publish_no, p.id
