-- What each Google Workspace activity is about: one row an activity. Its events all tell of one thing; the primary
-- one says what the user did, the others follow from it.
WITH marked AS (
    SELECT
        *,
        list_filter(
            events,
            lambda e: length(
                list_filter(e.parameters, lambda p: p.name = 'primary_event' AND p."boolValue" = 'true')
            ) > 0
        ) AS primaries
    FROM raw
),

pooled AS (
    SELECT
        *,
        length(primaries) > 0 AS has_primary,
        CASE WHEN length(primaries) > 0 THEN primaries ELSE events END AS pool
    FROM marked
),

chosen AS (
    SELECT
        *,
        coalesce(
            list_filter(pool, lambda e: e.name = 'upload')[1],
            list_filter(pool, lambda e: e.name = 'create')[1],
            list_filter(pool, lambda e: e.name = 'edit' AND has_primary)[1],
            list_filter(
                pool,
                lambda e: e.name IN (
                    'download', 'trash', 'delete', 'login_success', 'login_failure', '2sv_disable', 'password_edit',
                    'titanium_unenroll', '2sv_enroll', 'titanium_enroll', 'recovery_email_edit',
                    'recovery_phone_edit', 'recovery_secret_qa_edit'
                ) OR e.type IN ('account_warning', 'attack_warning')
            )[1],
            list_filter(pool, lambda e: e.name IS NOT NULL)[1]
        ) AS main
    FROM pooled
),

read_out AS (
    SELECT
        *,
        main.name AS operation,
        lower(actor_email) AS login,
        list_filter(main.parameters, lambda p: p.name = 'doc_id')[1].value AS doc_id,
        list_filter(main.parameters, lambda p: p.name = 'doc_title')[1].value AS doc_title,
        coalesce(list_filter(main.parameters, lambda p: p.name = 'doc_type')[1].value, '') AS doc_type,
        list_filter(main.parameters, lambda p: p.name = 'owner')[1].value AS owner,
        list_filter(main.parameters, lambda p: p.name = 'visibility')[1].value AS visibility,
        list_filter(main.parameters, lambda p: p.name = 'originating_app_id')[1].value AS originating_app,
        list_filter(main.parameters, lambda p: p.name = 'actor_is_collaborator_account')[1]."boolValue" AS outsider,
        list_filter(main.parameters, lambda p: p.name = 'affected_email_address')[1].value AS affected,
        list_filter(main.parameters, lambda p: p.name = 'login_type')[1].value AS login_type,
        list_filter(main.parameters, lambda p: p.name = 'is_suspicious')[1]."boolValue" AS suspicious,
        list_filter(
            list_filter(events, lambda e: e.name = 'add_to_folder')[1].parameters,
            lambda p: p.name = 'destination_folder_title'
        )[1] AS destination,
        length(
            list_filter(
                events,
                lambda e: length(
                    list_filter(e.parameters, lambda p: p.name = 'visibility_change' AND p.value = 'external')
                ) > 0
            )
        ) > 0 AS made_external
    FROM chosen
),

named AS (
    SELECT
        *,
        CASE
            WHEN operation = 'upload' THEN 'upload'
            WHEN operation = 'create' AND doc_type NOT IN ('folder', 'shortcut', 'shared_drive') THEN 'upload'
            -- An editor's file is saved with every key stroke: only the others get a new version by it.
            WHEN
                operation = 'edit' AND has_primary
                AND doc_type NOT IN (
                    'folder', 'shortcut', 'shared_drive', 'document', 'spreadsheet', 'presentation', 'form',
                    'drawing', 'jam', 'jamboard', 'map', 'script', 'site', 'vid'
                )
                THEN 'edit'
            WHEN operation = 'download' THEN 'download'
            WHEN operation IN ('trash', 'delete') THEN 'delete'
            WHEN operation = 'login_success' THEN 'sign_in'
            WHEN operation = 'login_failure' THEN 'sign_in_failed'
            WHEN operation IN ('2sv_disable', 'titanium_unenroll') THEN 'mfa_disabled'
            WHEN operation = 'password_edit' THEN 'password_reset'
            WHEN operation IN (
                '2sv_enroll', 'titanium_enroll', 'recovery_email_edit', 'recovery_phone_edit',
                'recovery_secret_qa_edit'
            ) THEN 'credentials_changed'
            WHEN
                main.type IN ('account_warning', 'attack_warning')
                OR operation IN ('risky_sensitive_action_allowed', 'risky_sensitive_action_blocked')
                THEN 'provider_alert'
            WHEN made_external OR operation = 'email_forwarding_out_of_domain' THEN 'share_external'
        END AS kind,
        coalesce(affected, '') <> '' AS about_affected
    FROM read_out
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    CAST(NULL AS DATE) AS publication_day,
    CASE WHEN qualifier <> '' THEN concat(application, ':', time_text, ':', qualifier) END AS event_id,
    0 AS asset,
    TRUE AS counted,
    time_text,
    operation,
    kind,
    CAST(NULL AS VARCHAR) AS fault,
    FALSE AS doubtful,
    CASE
        WHEN operation IN ('copy', 'source_copy', 'move', 'add_to_folder', 'untrash', 'change_owner')
            THEN 'copy on the server: no new bytes'
        WHEN operation = 'create' THEN 'not a file'
        WHEN operation = 'edit' THEN 'edit in a Google editor'
    END AS ignored_because,
    -- Google's stand-in for whoever is no user of Workspace is nobody's id.
    CASE WHEN NOT about_affected THEN nullif(profile_id, '105250506097979753968') END AS user_id,
    CASE WHEN about_affected THEN lower(affected) ELSE login END AS email,
    CAST(NULL AS VARCHAR) AS display_name,
    CAST(NULL AS VARCHAR) AS second_id,
    CASE
        WHEN about_affected THEN 'person'
        WHEN login LIKE '%gserviceaccount.com' THEN 'service'
        WHEN caller_type = 'KEY' AND caller_key = 'SYSTEM' THEN 'system'
        WHEN caller_type = 'KEY' THEN 'service'
        -- Google's stand-in for someone without an account.
        WHEN coalesce(actor_email, '') = '' AND coalesce(profile_id, '') IN ('', '105250506097979753968')
            THEN 'anonymous'
        WHEN coalesce(oauth_client, application_name) IS NOT NULL OR agent_name IS NOT NULL OR agentic = 'true' THEN 'app'
        WHEN outsider = 'true' THEN 'guest'
        ELSE 'person'
    END AS actor_class,
    TRUE AS guest_by_domain,
    doc_id AS file_id,
    CAST(NULL AS VARCHAR) AS version,
    doc_title AS file_name,
    CAST(NULL AS VARCHAR) AS extension_text,
    coalesce(destination."multiValue"[1], destination.value) AS folder,
    owner,
    array_to_string(list_transform(resources[1]."appliedLabels", lambda l: l.title), ', ') AS label,
    visibility,
    CAST(NULL AS VARCHAR) AS size_text,
    coalesce(application_name, agent_name, originating_app) AS app,
    coalesce(oauth_client, originating_app) AS app_id,
    ip_text,
    country_text,
    CASE
        WHEN suspicious = 'true' THEN 'marked suspicious by Google'
        WHEN operation = 'email_forwarding_out_of_domain' THEN 'mail is forwarded outside the organisation'
        WHEN kind IN ('sign_in', 'sign_in_failed') THEN login_type
        WHEN kind IN ('provider_alert', 'mfa_disabled', 'password_reset', 'credentials_changed', 'share_external')
            THEN replace(operation, '_', ' ')
    END AS detail,
    CAST(NULL AS VARCHAR) AS shared_with,
    -- Files are asked for in the name of an account, by its address.
    CASE WHEN actor_email LIKE '%_@_%' THEN lower(actor_email) END AS asker,
    CASE WHEN owner LIKE '%_@_%' THEN lower(owner) END AS owner_asker,
    CAST(NULL AS VARCHAR) AS site_id,
    CAST(NULL AS VARCHAR) AS list_id,
    CAST(NULL AS VARCHAR) AS folder_id
FROM named
