-- What the log of each provider told at all, whoever acted: without a single sign-in it has no log of them.
-- Reads: logged_kinds (provider, day, kind: what the days at hand hold).
SELECT
  s.alert_id,
  k.provider,
  max(CASE WHEN k.kind IN ('sign_in', 'sign_in_failed') THEN 1 ELSE 0 END) = 1 AS has_sign_ins,
  max(CASE WHEN k.kind = 'download' THEN 1 ELSE 0 END) = 1 AS has_downloads
FROM (
  SELECT alert_id, min(usual_from) AS usual_from, max(until) AS until
  FROM subjects
  GROUP BY alert_id
) AS s
JOIN logged_kinds k ON k.day >= CAST(s.usual_from AS DATE) AND k.day < s.until
GROUP BY s.alert_id, k.provider
ORDER BY s.alert_id, k.provider
