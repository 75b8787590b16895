-- Uploads or activity with the account that acted: provider and id, which stay when an address changes.
-- Reads: acts. Where the log tells no id, provider and address stand for the account that had the address then, see
-- tenures.sql. What several may have in place of an id is none: the address itself, and what Office 365 writes where it
-- does not know. Who is nobody's account (anonymous, system) is named as "user" names it.
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
