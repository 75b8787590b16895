-- The provider's own labels and classifications of the files.
-- Reads: alert_files.
WITH placed AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY alert_id, provider, label ORDER BY bytes DESC NULLS LAST, file_name, event_key, asset
    ) AS place
  FROM alert_files
  WHERE label IS NOT NULL
)
SELECT
  alert_id,
  provider,
  label,
  count(*) AS files,
  count(CASE WHEN is_sized THEN 1 END) AS sized_files,
  CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
  list(file_name ORDER BY place) FILTER (WHERE place <= $most_examples) AS examples
FROM placed
GROUP BY alert_id, provider, label
ORDER BY alert_id, files DESC, provider, label
