-- Addresses and names of each account on the day, with the first and last time of each.
-- Reads: keyed.
SELECT
    provider,
    account,
    address,
    max(display_name) AS display_name,
    max(second_account) AS second_account,
    min(actor_class) AS actor_class,
    min(time) AS first_seen,
    max(time) AS last_seen
FROM (
    SELECT
        provider,
        account,
        CASE WHEN NOT starts_with("user", concat(provider, ':')) THEN "user" END AS address,
        display_name,
        CASE WHEN second_id IS NOT NULL THEN concat(provider, ':', second_id) END AS second_account,
        actor_class,
        time
    FROM keyed
    WHERE account NOT IN (concat(provider, ':anonymous'), concat(provider, ':system'))
) AS seen
GROUP BY provider, account, address
ORDER BY account, address
