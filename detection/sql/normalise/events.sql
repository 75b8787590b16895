-- Rules common to all providers: user, key and size, whatever the day. One row for each file of an upload and for every
-- other line; `counted` marks one row of each line.
-- E-mail addresses become lower case. Every expression here runs on every event, so cheap expressions matter.
WITH timed AS (
    SELECT
        * EXCLUDE (version, file_name, folder, owner, label, visibility, app, app_id, detail, file_id, user_id, display_name,
        second_id, kind, alert_id),
        -- The time zone is UTC. A cast to TIMESTAMP gives the same, but consults a calendar for every row.
        make_timestamp(epoch_us(TRY_CAST(time_text AS TIMESTAMPTZ))) AS time_read,
        -- The domain distinguishes shares to the outside from shares inside the organisation.
        CASE
            WHEN kind IS NULL OR kind <> 'share' THEN kind
            WHEN shared_with IS NULL OR shared_with NOT LIKE '%_@_%' THEN NULL
            WHEN list_contains(CAST($organisation_domains AS VARCHAR []), split_part(lower(shared_with), '@', 2))
                THEN NULL
            WHEN split_part(lower(shared_with), '@', 2) = split_part(email, '@', 2) THEN NULL
            ELSE 'share_external'
        END AS kind,
        coalesce(kind IN ('upload', 'edit'), FALSE) AS brings_content,
        CASE WHEN kind IS NOT NULL AND email LIKE '%_@_%' THEN email END AS address,
        -- An empty text counts as NULL, and ignored events need none.
        CASE WHEN kind IS NOT NULL AND user_id <> '' THEN user_id END AS user_id,
        CASE WHEN kind IS NOT NULL AND display_name <> '' THEN display_name END AS display_name,
        CASE WHEN kind IS NOT NULL AND second_id <> '' THEN second_id END AS second_id,
        CASE WHEN kind IS NOT NULL AND file_id <> '' THEN file_id END AS file_id,
        CASE WHEN kind IS NOT NULL AND version <> '' THEN version END AS version,
        CASE WHEN kind IS NOT NULL AND file_name <> '' THEN file_name END AS file_name,
        CASE WHEN kind IS NOT NULL AND folder <> '' THEN folder END AS folder,
        CASE WHEN kind IS NOT NULL AND owner <> '' THEN owner END AS owner,
        CASE WHEN kind IN ('upload', 'edit') AND label <> '' THEN label END AS label,
        CASE WHEN kind IN ('upload', 'edit') AND visibility <> '' THEN visibility END AS visibility,
        -- A logged name must never look like one that is derived from a user agent.
        CASE
            WHEN kind IS NULL OR app = '' THEN NULL
            WHEN ends_with(app, $derived_mark) THEN concat(app, ' told by the provider')
            ELSE app
        END AS app,
        CASE WHEN kind IN ('upload', 'edit') AND app_id <> '' THEN app_id END AS app_id,
        CASE WHEN kind IS NOT NULL AND detail <> '' THEN detail END AS detail,
        CASE WHEN kind = 'provider_alert' AND alert_id <> '' THEN alert_id END AS alert_id
    FROM classified
),

dated AS (
    SELECT
        *,
        CASE
            WHEN time_read >= TIMESTAMP '1990-01-01 00:00:00' AND time_read < TIMESTAMP '2200-01-01 00:00:00'
                THEN time_read
        END AS time,
        CASE WHEN brings_content THEN TRY_CAST(size_text AS BIGINT) END AS size
    FROM timed
),

checked AS (
    SELECT
        *,
        CASE
            WHEN by_text AND event IS NULL THEN 'not JSON'
            WHEN NOT is_object THEN 'not a JSON object'
            WHEN operation IS NULL OR operation = '' THEN 'does not tell what happened'
            WHEN time IS NULL THEN 'time cannot be read'
            WHEN CAST(time AS DATE) > publication_day THEN 'later than its publication'
            WHEN CAST(time AS DATE) < publication_day - INTERVAL 2 DAY
                THEN 'published more than two days after it happened'
            ELSE fault
        END AS rejected_because,
        CASE
            WHEN actor_class IN ('person', 'guest') AND address IS NULL AND user_id IS NULL THEN 'anonymous'
            WHEN
                actor_class = 'person' AND guest_by_domain AND address IS NOT NULL
                AND length($organisation_domains) > 0
                AND NOT list_contains(
                    CAST($organisation_domains AS VARCHAR []), split_part(address, '@', 2)
                )
                THEN 'guest'
            ELSE actor_class
        END AS class
    FROM dated
),

decided AS (
    SELECT
        *,
        CASE
            WHEN rejected_because IS NOT NULL THEN rejected_because
            WHEN kind IS NOT NULL THEN NULL
            WHEN ignored_because IS NOT NULL THEN ignored_because
            WHEN meaning = 'copy' THEN 'copy on the server: no new bytes'
            WHEN meaning IS NOT NULL THEN 'not an upload or activity'
            -- New operations of a provider must be visible, above all those that may bring content.
            WHEN
                regexp_matches(
                    lower(operation),
                    'upload|(create|add|import|receive|save).*([^o]|^)file|([^o]|^)file.*(create|add|import|receive|save)'
                )
                THEN 'unknown operation, perhaps an upload'
            ELSE 'unknown operation'
        END AS reason
    FROM checked
)

SELECT
    $provider AS provider,
    -- With NULL the line is an upload or, where it brings no content, activity.
    reason,
    rejected_because IS NOT NULL AS is_rejected,
    publication_day,
    -- Lines that this way of reading could not read in full, so that a slower one must.
    CASE
        WHEN by_text THEN event IS NULL AND unreadable IS NULL
        ELSE rejected_because IS NOT NULL OR doubtful OR coalesce(event_id, '') = ''
    END AS unsure,
    CASE WHEN rejected_because IS NOT NULL THEN left(coalesce(CAST(event AS VARCHAR), unreadable), 4000) END AS event,
    hash(file) AS file_hash,
    counted,
    CASE
        WHEN event_id <> '' THEN event_id
        WHEN is_object THEN concat('sha256-', sha256(CAST(event AS VARCHAR)))
    END AS event_key,
    asset,
    time,
    user_id,
    CASE
        WHEN address IS NOT NULL THEN address
        WHEN class IN ('anonymous', 'system') THEN concat($provider, ':', class)
        WHEN user_id IS NOT NULL THEN concat($provider, ':', user_id)
        ELSE concat($provider, ':', class)
    END AS "user",
    class AS actor_class,
    display_name,
    second_id,
    kind,
    brings_content,
    operation,
    file_id,
    version,
    file_name,
    -- The whole match without its first two characters: a capture group would cost several times as much.
    CASE
        WHEN brings_content THEN lower(coalesce(
            nullif(extension_text, ''),
            substr(regexp_extract(file_name, '[^./\\]\.[A-Za-z0-9_-]{1,16}$', 0), 3),
            ''
        ))
    END AS extension,
    folder,
    owner,
    label,
    visibility,
    -- Only whole numbers: a fraction, an exponent or text would be read as another size.
    CASE
        WHEN CAST(size AS VARCHAR) = size_text AND size BETWEEN 0 AND 1125899906842624 THEN size
    END AS bytes,
    app,
    app_id,
    -- As logged; addresses.sql and agents.sql later set the address and the application.
    CASE WHEN kind IS NOT NULL AND (ip_text LIKE '%.%' OR ip_text LIKE '%:%') THEN left(ip_text, 200) END AS ip,
    CASE WHEN kind IS NOT NULL AND app IS NULL THEN left(user_agent, 400) END AS user_agent,
    -- Logs use reserved ISO 3166 codes where the country is unknown; EU and AP are regions.
    CASE
        WHEN
            regexp_matches(country_text, '^[A-Za-z]{2}$')
            AND NOT regexp_matches(upper(country_text), '^(AA|Q[M-Z]|X[A-JL-Z]|ZZ|EU|AP)$')
            THEN upper(country_text)
    END AS country,
    detail,
    alert_id,
    -- Look-ups can only act for the organisation's own accounts; a stranger's file is looked up on behalf of its owner.
    CASE
        WHEN kind IN ('upload', 'edit') AND class IN ('person', 'app') THEN coalesce(asker, owner_asker)
        WHEN kind IN ('upload', 'edit') THEN owner_asker
    END AS asker,
    site_id,
    list_id,
    CASE WHEN kind IN ('upload', 'edit') THEN folder_id END AS folder_id
FROM decided
