-- Uploads or activity with the account that acted: provider and id, which do not change with the address.
-- Reads: acts. Where the log has no id, provider and address stand for the account that had the address then, see
-- tenures.sql. Values that several accounts may share do not count as ids: the address itself, and Office 365's
-- placeholder for unknown. Actors without an account (anonymous, system) keep the name in "user".
SELECT
  *,
  CASE
    WHEN "user" IN (concat(provider, ':anonymous'), concat(provider, ':system')) THEN "user"
    WHEN
      user_id IS NOT NULL AND lower(user_id) <> "user"
      AND lower(user_id) NOT IN ('not available', 'unknown', '00000000-0000-0000-0000-000000000000', '0000000000000000')
      THEN concat(provider, ':', user_id)
    WHEN starts_with("user", concat(provider, ':')) THEN "user"
    ELSE concat(provider, ':', "user")
  END AS account
FROM acts
