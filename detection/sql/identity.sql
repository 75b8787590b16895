-- The ledger of published alerts after this publication.
-- Reads: alerts (as folded now), published (the ledger so far), detections and alert_days (days whose alerts exist).
-- An alert that contains a published opening, or else overlaps the published time range, keeps the published id. It
-- gets a new revision if its content changed or it was closed meanwhile. A published alert whose id an earlier alert
-- took is closed as merged; one without detections of its own is closed as withdrawn, unless the alerts of its day are
-- lost. A group's id is a function of its cause and day, and so is never that of another. An alert in a group is marked as folded and keeps its id for when it is single again.
-- alert_key is the id that the alert would have without the ledger.
WITH stated AS (
  SELECT
    alert_id AS alert_key, "user", person, coalesce(person, "user") AS who, first_window_start, last_window_end, users, folded_into,
    -- A changed address of a person is no new revision.
    sha256(concat_ws('|', name, replace(sentence, "user", coalesce(person, "user")), files, bytes, estimated_bytes, suppressed_count, first_window_start, last_window_end, folded_into)) AS digest
  FROM alerts
),
pairs AS (
  SELECT
    p.alert_id,
    a.alert_key,
    row_number() OVER (
      PARTITION BY p.alert_id
      ORDER BY
        CASE WHEN a.alert_key = p.alert_id THEN 0 ELSE 1 END,
        CASE WHEN a.first_window_start <= p.first_window_start AND p.first_window_start < a.last_window_end THEN 0 ELSE 1 END,
        a.first_window_start
    ) AS place
  FROM published p
  JOIN stated a
    ON a.who = coalesce(p.person, p."user")
    AND CASE
      WHEN a.users > 1 THEN a.alert_key = p.alert_id
      ELSE a.first_window_start < p.last_window_end AND a.last_window_end > p.first_window_start
    END
  WHERE p.state IN ('open', 'folded') OR p.alert_id = a.alert_key
),
matched AS (
  SELECT
    m.alert_id,
    m.alert_key,
    row_number() OVER (PARTITION BY m.alert_key ORDER BY p.first_window_start, p.alert_id) AS place
  FROM pairs m
  JOIN published p ON p.alert_id = m.alert_id
  WHERE m.place = 1
),
kept AS (
  SELECT alert_id, alert_key FROM matched WHERE place = 1
),
lost AS (
  SELECT p.alert_id, bool_and(d.day IS NULL) AS lost
  FROM published p
  LEFT JOIN alert_days d ON d.day = CAST(p.first_window_start AS DATE)
  GROUP BY p.alert_id
),
allowed AS (
  SELECT p.alert_id, min(d.allowed_by) AS allowed_by
  FROM published p
  JOIN detections d
    ON d."user" = coalesce(p.person, p."user")
    AND d.allowed_by IS NOT NULL
    AND d.window_start >= p.first_window_start
    AND d.window_start < p.last_window_end
  GROUP BY p.alert_id
)
SELECT
  coalesce(k.alert_id, a.alert_key) AS alert_id,
  a.alert_key,
  -- Where the address is no longer known, since the source's data are gone, the published one stays.
  CASE WHEN a."user" = a.person THEN coalesce(p."user", a."user") ELSE a."user" END AS "user",
  a.first_window_start,
  a.last_window_end,
  CASE WHEN a.folded_into IS NULL THEN 'open' ELSE 'folded' END AS state,
  CASE WHEN a.folded_into IS NOT NULL THEN concat('part of alert ', a.folded_into) END AS reason,
  CASE WHEN p.digest = a.digest AND p.state IN ('open', 'folded') THEN p.revision ELSE coalesce(p.revision, 0) + 1 END AS revision,
  a.digest,
  a.person
FROM stated a
LEFT JOIN kept k ON k.alert_key = a.alert_key
LEFT JOIN published p ON p.alert_id = k.alert_id
UNION ALL
SELECT
  p.alert_id,
  CAST(NULL AS VARCHAR) AS alert_key,
  p."user",
  p.first_window_start,
  p.last_window_end,
  CASE WHEN p.state IN ('merged', 'withdrawn') OR l.lost THEN p.state WHEN m.alert_id IS NOT NULL THEN 'merged' ELSE 'withdrawn' END AS state,
  CASE
    WHEN p.state IN ('merged', 'withdrawn') OR l.lost THEN p.reason
    WHEN m.alert_id IS NOT NULL THEN concat('joined with alert ', k.alert_id)
    WHEN w.alert_id IS NOT NULL THEN concat('allowed by ', w.allowed_by)
    ELSE 'later data left it without a detection'
  END AS reason,
  CASE WHEN p.state IN ('merged', 'withdrawn') OR l.lost THEN p.revision ELSE p.revision + 1 END AS revision,
  p.digest,
  p.person
FROM published p
JOIN lost l ON l.alert_id = p.alert_id
LEFT JOIN matched m ON m.alert_id = p.alert_id
LEFT JOIN kept k ON k.alert_key = m.alert_key
LEFT JOIN allowed w ON w.alert_id = p.alert_id
WHERE p.alert_id NOT IN (SELECT alert_id FROM kept)
  AND p.alert_id NOT IN (SELECT s.alert_key FROM stated s WHERE NOT EXISTS (SELECT 1 FROM kept t WHERE t.alert_key = s.alert_key))
ORDER BY "user", first_window_start, alert_id
