-- Number of files by extension and size on a day, for one provider: only sizes of the uploaded version itself.
-- Reads: logged_uploads, answers. Sizes are counted in hundredths of a decade, about 2 % wide: such counts add up
-- over days and providers, in any order.
WITH sized AS (
  SELECT u.provider, u.extension, coalesce(u.bytes, a.bytes) AS bytes
  FROM logged_uploads u
  LEFT JOIN answers a ON a.event_key = u.event_key AND a.asset = u.asset AND a.size_source = 'recovered'
)
SELECT
  provider,
  extension,
  CAST(floor(100 * log10(bytes + 1)) AS BIGINT) AS bucket,
  count(*) AS files
FROM sized
WHERE bytes IS NOT NULL
GROUP BY provider, extension, CAST(floor(100 * log10(bytes + 1)) AS BIGINT)
ORDER BY provider, extension, bucket
