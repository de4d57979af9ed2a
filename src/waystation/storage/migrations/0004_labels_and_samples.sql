-- What people call a task (the file that they sent), and how far it was from time to time, for the chart of its rate.

ALTER TABLE tasks ADD COLUMN label text;

-- Written by the reaper, ever farther apart as a task grows old: a task of ten hours has some hundred.
CREATE TABLE samples (
    task uuid NOT NULL,
    at timestamptz NOT NULL,
    attempt integer NOT NULL,
    done bigint NOT NULL,
    PRIMARY KEY (task, at)
);
