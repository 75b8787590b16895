-- Signs that the user of an alert may not be in control of the account, each with its evidence.
-- Reads: folded_alerts, seen (sign-ins and uploads of the look-back days: "user", time, kind, country, provider),
-- activity of the look-back days. Signs count from $sign_period before the alert's first window to its last window's end.
WITH spans AS (
  SELECT alert_id, "user", first_window_start - $sign_period AS signs_from, last_window_end AS signs_to
  FROM folded_alerts
),
near AS (
  SELECT s.alert_id, s.signs_from, a.*
  FROM spans s
  JOIN activity a ON a."user" = s."user" AND a.time >= s.signs_from AND a.time < s.signs_to
),
guessed AS (
  SELECT
    n.alert_id,
    n.time AS success,
    n.provider,
    count(*) AS failures,
    min(f.time) AS first_failure
  FROM near n
  JOIN activity f
    ON f."user" = n."user"
    AND f.kind = 'sign_in_failed'
    AND f.time < n.time
    AND f.time >= n.time - INTERVAL 1 HOUR
  WHERE n.kind = 'sign_in'
  GROUP BY n.alert_id, n.time, n.provider
  HAVING count(*) >= $failed_sign_ins
),
guessed_first AS (
  SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY failures DESC, success, provider) AS place
  FROM guessed
),
countries AS (
  SELECT
    s.alert_id,
    e.country,
    min(e.time) AS first_seen,
    min(CASE WHEN e.time >= s.signs_from THEN 1 ELSE 0 END) AS is_new
  FROM spans s
  JOIN seen e
    ON e."user" = s."user"
    AND e.country IS NOT NULL
    AND e.time >= s.signs_from - INTERVAL 30 DAY
    AND e.time < s.signs_to
  GROUP BY s.alert_id, e.country
),
known AS (
  SELECT alert_id, string_agg(country, ', ' ORDER BY country) AS countries
  FROM countries
  WHERE is_new = 0
  GROUP BY alert_id
),
arrivals AS (
  SELECT c.alert_id, c.country, c.first_seen, k.countries
  FROM countries c
  JOIN known k ON k.alert_id = c.alert_id
  WHERE c.is_new = 1
),
last_seen AS (
  SELECT s.alert_id, s.signs_from, max(e.time) AS last_seen
  FROM spans s
  JOIN seen e ON e."user" = s."user" AND e.time < s.signs_from
  GROUP BY s.alert_id, s.signs_from
)
SELECT
  alert_id,
  'failed_sign_ins_then_success' AS name,
  concat(
    failures, ' failed sign-ins from ', strftime(first_failure, '%Y-%m-%d %H:%M'), ', then a success at ',
    strftime(success, '%Y-%m-%d %H:%M'), ' UTC (', provider, ')'
  ) AS evidence
FROM guessed_first
WHERE place = 1
UNION ALL
SELECT
  alert_id,
  'first_country' AS name,
  concat(
    'first seen in ', string_agg(country, ', ' ORDER BY country), ' at ', strftime(min(first_seen), '%Y-%m-%d %H:%M'),
    ' UTC; in the 30 days before only in ', min(countries)
  ) AS evidence
FROM arrivals
GROUP BY alert_id
UNION ALL
SELECT
  alert_id,
  'dormant_account' AS name,
  concat(
    'no sign-in or upload from ', strftime(last_seen, '%Y-%m-%d'), ' until the day before the alert (',
    date_diff('day', last_seen, signs_from), ' days)'
  ) AS evidence
FROM last_seen
WHERE last_seen < signs_from - INTERVAL 14 DAY
UNION ALL
SELECT
  alert_id,
  kind AS name,
  concat(
    count(*), CASE WHEN count(*) = 1 THEN ' event' ELSE ' events' END, ', first at ',
    strftime(min(time), '%Y-%m-%d %H:%M'), ' UTC (', min(provider), ')',
    coalesce(concat(': ', min(detail)), '')
  ) AS evidence
FROM near
WHERE kind IN ('provider_alert', 'mfa_disabled')
GROUP BY alert_id, kind
ORDER BY alert_id, name
