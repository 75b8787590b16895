-- Cases: one row per case, with the totals of its alerts and the name and sentence of the one to read first.
-- Reads: shown, case_alerts. A case is reviewed once all its alerts are; it is reopened if some were and some are not:
-- they grew since, came late, or were left out.
WITH members AS (
  SELECT
    s.*,
    c.opened,
    c.closes,
    c.distance,
    c.opening_distance,
    c.escalates,
    list_position($severities, s.severity) AS severity_rank
  FROM case_alerts c
  JOIN shown s ON s.alert_id = c.alert_id
),
placed AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY case_id ORDER BY severity_rank DESC, one_in DESC NULLS LAST, first_window_start, alert_id) AS place,
    row_number() OVER (PARTITION BY case_id ORDER BY reviewed_at DESC NULLS LAST, alert_id) AS review_place
  FROM members
),
places AS (
  SELECT case_id, list(DISTINCT provider ORDER BY provider) AS providers
  FROM (SELECT case_id, unnest(providers) AS provider FROM members) AS each_provider
  GROUP BY case_id
),
sums AS (
  SELECT
    case_id,
    min(opened) AS opened_at,
    min(closes) AS closes_at,
    max(first_window_start) AS last_alert_at,
    max(last_window_end) AS last_window_end,
    count(*) AS alerts,
    list(alert_id ORDER BY first_window_start, alert_id) AS alert_ids,
    count(CASE WHEN escalates THEN 1 END) AS escalations,
    max(opening_distance) AS opening_distance,
    max(distance) AS largest_distance,
    max(one_in) AS one_in,
    CAST(sum(files) AS BIGINT) AS files,
    CAST(sum(sized_files) AS BIGINT) AS sized_files,
    CASE WHEN sum(bytes) > 4611686018427387904 THEN 4611686018427387904 ELSE CAST(sum(bytes) AS BIGINT) END AS bytes,
    count(verdict) AS reviewed,
    count(CASE WHEN verdict = 'confirmed' THEN 1 END) AS confirmed,
    count(outgrown_verdict) AS outgrown
  FROM members
  GROUP BY case_id
)
SELECT
  s.case_id,
  p."user",
  p.person,
  p.population,
  CASE
    WHEN s.reviewed = s.alerts THEN 'reviewed'
    WHEN s.reviewed + s.outgrown > 0 THEN 'reopened'
    ELSE 'open'
  END AS state,
  p.name,
  p.severity,
  s.opened_at,
  s.closes_at,
  s.last_alert_at,
  s.last_window_end,
  s.alerts,
  s.alert_ids,
  s.escalations,
  s.opening_distance,
  s.largest_distance,
  s.one_in,
  l.providers,
  s.files,
  s.sized_files,
  s.bytes,
  p.sentence,
  CASE WHEN s.reviewed = s.alerts THEN CASE WHEN s.confirmed > 0 THEN 'confirmed' ELSE 'benign' END END AS verdict,
  CASE WHEN s.reviewed = s.alerts THEN r.reviewed_by END AS reviewed_by,
  CASE WHEN s.reviewed = s.alerts THEN r.reviewed_at END AS reviewed_at
FROM sums s
JOIN placed p ON p.case_id = s.case_id AND p.place = 1
JOIN placed r ON r.case_id = s.case_id AND r.review_place = 1
JOIN places l ON l.case_id = s.case_id
ORDER BY s.opened_at, p."user", s.case_id
