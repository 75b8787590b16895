-- Long time scales beside the test window: over how many days a person's uploads are added up, and from which sum on.
-- Reads: nothing. lag: the calibration leaves out as many days before a day, since one and the same slow theft would else
-- be what its further days are compared with.
SELECT
  'week' AS scope,
  7 AS days,
  7 AS lag,
  CAST($week_floor_files AS BIGINT) AS floor_files,
  CAST($week_floor_bytes AS BIGINT) AS floor_bytes
UNION ALL
SELECT
  'month' AS scope,
  30 AS days,
  15 AS lag,
  CAST($month_floor_files AS BIGINT) AS floor_files,
  CAST($month_floor_bytes AS BIGINT) AS floor_bytes
