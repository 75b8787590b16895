-- Each shown alert with its case, and whether the case escalated with it.
-- Reads: alerts, ledger, revisions, case_spans. The case's id comes from the published id of its opening alert. Late data
-- may put an earlier alert before that one, so it is that of the alert which was published first: a person who knows the
-- case finds it under its id.
WITH joined AS (
  SELECT
    l.alert_id,
    a.first_window_start,
    a.score - a.threshold AS distance,
    c."user",
    c.opened,
    c.closes,
    p.published_at
  FROM alerts a
  JOIN ledger l ON l.alert_key = a.alert_id
  JOIN case_spans c
    ON c."user" = coalesce(a.person, a."user") AND a.first_window_start >= c.opened AND a.first_window_start < c.closes
  LEFT JOIN (SELECT alert_id, min(published_at) AS published_at FROM revisions GROUP BY alert_id) AS p
    ON p.alert_id = l.alert_id
  WHERE a.folded_into IS NULL
),
named AS (
  SELECT
    *,
    first_value(alert_id) OVER (PARTITION BY "user", opened ORDER BY published_at, first_window_start, alert_id) AS first_published,
    first_value(distance) OVER (PARTITION BY "user", opened ORDER BY first_window_start, alert_id) AS opening_distance
  FROM joined
)
SELECT
  alert_id,
  sha256(concat_ws('|', $rule_id, 'case', first_published)) AS case_id,
  opened,
  closes,
  distance,
  opening_distance,
  coalesce(distance - opening_distance > $case_escalation, FALSE) AS escalates
FROM named
ORDER BY opened, first_window_start, alert_id
