-- How many files have their size from where: each once, with the surest of its saves' sources. Reads: uploads.
WITH ranked AS (
  SELECT
    coalesce(file_id, concat(event_key, ':', asset)) AS file,
    min(
      CASE size_source
        WHEN 'log' THEN 1 WHEN 'recovered' THEN 2 WHEN 'later_version' THEN 3 WHEN 'estimated' THEN 4 WHEN 'gone' THEN 5
        ELSE 6
      END
    ) AS place
  FROM uploads
  GROUP BY provider, "user", CAST(time AS DATE), coalesce(file_id, concat(event_key, ':', asset))
)
SELECT
  CASE place
    WHEN 1 THEN 'log' WHEN 2 THEN 'recovered' WHEN 3 THEN 'later_version' WHEN 4 THEN 'estimated' WHEN 5 THEN 'gone'
    ELSE 'unknown'
  END AS size_source,
  count(*) AS files
FROM ranked
GROUP BY place
ORDER BY place
