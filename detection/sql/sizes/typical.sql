-- Typical size of files by extension: the median of the sizes measured in the training days before, per provider
-- and over all. Reads: measured_sizes of those days. No row where fewer than $least_measured files were measured.
WITH scoped AS (
  SELECT provider AS scope, extension, bucket, files FROM measured_sizes
  UNION ALL
  SELECT 'all' AS scope, extension, bucket, files FROM measured_sizes
),
added AS (
  SELECT scope, extension, bucket, CAST(sum(files) AS BIGINT) AS files
  FROM scoped
  GROUP BY scope, extension, bucket
),
counted AS (
  SELECT
    scope,
    extension,
    bucket,
    CAST(sum(files) OVER (PARTITION BY scope, extension ORDER BY bucket) AS BIGINT) AS up_to_here,
    CAST(sum(files) OVER (PARTITION BY scope, extension) AS BIGINT) AS files
  FROM added
)
SELECT
  scope,
  extension,
  max(files) AS files,
  -- The middle of the bucket.
  CAST(round(pow(10, (min(bucket) + 0.5) / 100.0) - 1) AS BIGINT) AS bytes
FROM counted
WHERE 2 * up_to_here >= files AND files >= $least_measured
GROUP BY scope, extension
ORDER BY scope, extension
