-- How many rows a download would have, told from the ledger.

-- What the ledger knows of the rows that readers see whose date lies in a range: `most` there may be, `sure` of them lie in
-- chunks whose dates are all in it. The others are in doubt; with `filtered` all are. With these totals come the places to
-- look at: the chunks in doubt, if they are few and small enough to count, or else windows spread evenly over their rows.
-- name: places
WITH zoned AS (
    SELECT b.publish_no, c.start_offset, p.relation, b.columns, c.first_row, c.last_row, c.good,
           left(c.zones -> %(by)s::text ->> 0, 10) COLLATE "C" AS least,
           left(c.zones -> %(by)s::text ->> 1, 10) COLLATE "C" AS greatest,
           (c.zones -> %(by)s::text ->> 2)::bigint AS dated
    FROM batches b JOIN chunks c ON c.batch = b.id JOIN parts p ON p.id = c.part
    WHERE b.dataset = %(dataset)s AND p.attached AND c.good > 0
), touched AS (
    SELECT *, coalesce(dated, good) AS most,
           %(by)s::text IS NULL OR (
               dated IS NOT NULL AND least >= coalesce(%(low)s::text, '') AND (%(high)s::text IS NULL OR greatest <= %(high)s)
           ) AS sure
    FROM zoned
    WHERE %(by)s::text IS NULL
       OR (greatest >= coalesce(%(low)s::text, '') AND (%(high)s::text IS NULL OR least <= %(high)s))
), weighed AS (
    SELECT *, CASE WHEN sure AND NOT %(filtered)s::boolean THEN 0 ELSE most END AS weight FROM touched
), placed AS (
    SELECT *, sum(weight) OVER (ORDER BY publish_no, start_offset) AS upto FROM weighed
), totals AS (
    SELECT coalesce(sum(most), 0)::bigint AS most, coalesce(sum(most) FILTER (WHERE weight = 0), 0)::bigint AS sure,
           coalesce(sum(weight), 0)::bigint AS doubt,
           coalesce(sum(good) FILTER (WHERE weight > 0), 0) <= %(countable)s::bigint
               AND count(*) FILTER (WHERE weight > 0) <= %(chunks)s::int AS counted
    FROM placed
)
SELECT t.most, t.sure, t.doubt, t.counted, look.relation, look.columns, look.first_row, look.last_row
FROM totals t LEFT JOIN LATERAL (
    SELECT relation, columns, first_row, last_row FROM placed WHERE t.counted AND weight > 0
    UNION ALL
    SELECT relation, columns, begins, least(last_row, begins + %(window)s::int - 1)
    FROM generate_series(0, %(places)s::int - 1) place
    JOIN placed ON upto - weight <= t.doubt * (place + 0.5) / %(places)s::int
               AND upto > t.doubt * (place + 0.5) / %(places)s::int
    CROSS JOIN LATERAL (
        SELECT first_row
            + floor((last_row - first_row + 1) * (t.doubt * (place + 0.5) / %(places)s::int - (upto - weight)) / weight)::bigint
    ) window_of (begins)
    WHERE NOT t.counted
) look ON true
