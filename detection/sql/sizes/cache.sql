-- The cache of a day, merged with new answers: the newest answer about a version of a file counts.
-- Reads: cached (file_sizes so far) and answered.
WITH all_answers AS (
  SELECT * FROM cached
  UNION ALL
  SELECT * FROM answered
),
numbered AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY file_id, asked_version, state, version
      ORDER BY checked_at DESC, modified_at DESC, bytes DESC
    ) AS place
  FROM all_answers
)
SELECT file_id, asked_version, state, bytes, version, modified_at, checked_at
FROM numbered
WHERE place = 1
ORDER BY file_id, asked_version, state, version
