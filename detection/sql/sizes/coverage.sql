-- Number of files by the source of their size: each file once a day, with the surest source of its saves. Reads:
-- uploads.
WITH ranked AS (
  SELECT
    provider, "user", file_id,
    CAST(time AS DATE) AS day,
    CASE size_source
      WHEN 'log' THEN 1 WHEN 'recovered' THEN 2 WHEN 'later_version' THEN 3 WHEN 'estimated' THEN 4 WHEN 'gone' THEN 5
      ELSE 6
    END AS place
  FROM uploads
),
files AS (
  SELECT min(place) AS place
  FROM ranked
  WHERE file_id IS NOT NULL
  GROUP BY provider, "user", day, file_id
  UNION ALL
  SELECT place FROM ranked WHERE file_id IS NULL
)
SELECT
  CASE place
    WHEN 1 THEN 'log' WHEN 2 THEN 'recovered' WHEN 3 THEN 'later_version' WHEN 4 THEN 'estimated' WHEN 5 THEN 'gone'
    ELSE 'unknown'
  END AS size_source,
  count(*) AS files
FROM files
GROUP BY place
ORDER BY place
