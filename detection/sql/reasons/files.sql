-- mass_download_before, external_share_before: the user's downloads and shares around the alert.
-- Reads: spans, user_activity. Both only if rare for the user, since sync clients download every day.
WITH acts AS (
  SELECT
    s.alert_id,
    a.kind,
    a.time >= s.signs_from AS is_sign,
    CAST(a.time AS DATE) AS day,
    count(*) AS number,
    -- Each text begins with the time, so the least text is that of the first event.
    min(concat(strftime(a.time, '%Y-%m-%d %H:%M'), ' UTC (', a.provider, ')', coalesce(': ' || a.detail, '')))
      AS first_event
  FROM spans s
  JOIN user_activity a ON a."user" = s."user" AND a.time >= s.usual_from AND a.time < s.signs_to
  WHERE a.kind IN ('download', 'share_external')
  GROUP BY s.alert_id, a.kind, a.time >= s.signs_from, CAST(a.time AS DATE)
),
compared AS (
  SELECT
    alert_id,
    kind,
    sum(CASE WHEN is_sign THEN number ELSE 0 END) AS number,
    min(CASE WHEN is_sign THEN first_event END) AS first_event,
    count(CASE WHEN NOT is_sign THEN 1 END) AS usual_days,
    coalesce(max(CASE WHEN NOT is_sign THEN number END), 0) AS usual_most
  FROM acts
  GROUP BY alert_id, kind
)
SELECT
  alert_id,
  'mass_download_before' AS name,
  concat(
    CAST(number AS BIGINT), ' files downloaded, first at ', first_event, '; in the ', $training_days, ' days before ', usual_most,
    ' in a day at most'
  ) AS evidence
FROM compared
WHERE kind = 'download' AND number >= $mass_downloads AND number > 2 * usual_most
UNION ALL
SELECT
  alert_id,
  'external_share_before' AS name,
  concat(
    CAST(number AS BIGINT), CASE WHEN number = 1 THEN ' share' ELSE ' shares' END, ' to the outside, first at ',
    first_event, '; on ', usual_days, ' of the ', $training_days, ' days before'
  ) AS evidence
FROM compared
WHERE kind = 'share_external' AND number > 0 AND usual_days <= $rare_share_days
