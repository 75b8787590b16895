-- dormant_account, new_account, guest_account: the kind of account.
-- Reads: spans, sightings, source_days (provider, day: days on which its log has events). An account is new only if the
-- logs of all its providers go back further; else all accounts would be new in the first weeks of a source.
WITH ends AS (
  SELECT
    alert_id,
    min(time) AS first_seen,
    max(CASE WHEN NOT is_sign THEN last_time END) AS last_seen
  FROM sightings
  GROUP BY alert_id
),
users_providers AS (
  SELECT DISTINCT alert_id, provider
  FROM sightings
),
young_sources AS (
  SELECT DISTINCT p.alert_id
  FROM users_providers p
  JOIN spans s ON s.alert_id = p.alert_id
  LEFT JOIN source_days d ON d.provider = p.provider AND d.day >= s.history_from AND d.day < s.usual_from
  WHERE d.provider IS NULL
)
SELECT
  s.alert_id,
  'dormant_account' AS name,
  concat(
    'not seen from ', strftime(e.last_seen, '%Y-%m-%d'), ' until the day before the alert (',
    date_diff('day', e.last_seen, s.signs_from), ' days)'
  ) AS evidence
FROM spans s
JOIN ends e ON e.alert_id = s.alert_id
WHERE e.last_seen < s.signs_from - $quiet_days * INTERVAL 1 DAY
UNION ALL
SELECT
  s.alert_id,
  'new_account' AS name,
  concat(
    'first seen at ', strftime(e.first_seen, '%Y-%m-%d %H:%M'), ' UTC (',
    date_diff('day', e.first_seen, s.opens), ' days before), in logs that go back further'
  ) AS evidence
FROM spans s
JOIN ends e ON e.alert_id = s.alert_id
LEFT JOIN young_sources y ON y.alert_id = s.alert_id
WHERE e.first_seen > s.opens - $quiet_days * INTERVAL 1 DAY AND y.alert_id IS NULL
UNION ALL
SELECT alert_id, 'guest_account' AS name, 'the user is not of the organisation' AS evidence
FROM spans
WHERE actor_class = 'guest'
