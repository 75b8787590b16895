-- risk_list: the user is on the operator's list at the time of the signs.
-- Reads: spans, risk_list ("user", reason, since, until: first and last day, NULL where open).
SELECT
  s.alert_id,
  'risk_list' AS name,
  concat(
    'listed: ',
    string_agg(
      concat(
        r.reason,
        coalesce(', since ' || CAST(r.since AS VARCHAR), ''),
        coalesce(', until ' || CAST(r.until AS VARCHAR), '')
      ),
      '; ' ORDER BY r.reason, r.since, r.until
    )
  ) AS evidence
FROM spans s
JOIN risk_list r
  ON r."user" = s."user"
  AND (r.since IS NULL OR r.since < s.signs_to)
  AND (r.until IS NULL OR r.until + INTERVAL 1 DAY > s.signs_from)
GROUP BY s.alert_id
