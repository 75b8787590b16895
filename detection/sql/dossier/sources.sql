-- Kinds of events that each provider's log had at all, by any user: a log without a single sign-in does not record
-- them.
-- Reads: logged_kinds (provider, day, kind: kinds on the days at hand).
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
