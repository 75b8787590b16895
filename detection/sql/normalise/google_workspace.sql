-- Meaning of each Google Workspace activity: one row for each file that it brings, one row for any other activity.
-- Its events usually describe one act: the primary one is what the user did, the others follow from it.
-- Reads: raw, operations (what each event of each application means).
WITH activity_operations AS (
    SELECT list(DISTINCT operation) AS names
    FROM operations
    WHERE meaning NOT IN ('upload', 'edit', 'copy', 'irrelevant') AND coalesce(only_if, '') <> 'external'
),

marked AS (
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
        list_transform(events, lambda e: e.name) AS event_names,
        length(primaries) > 0 AS has_primary,
        CASE WHEN length(primaries) > 0 THEN primaries ELSE events END AS pool
    FROM marked
),

-- Events that bring content: an upload, even if another event is the primary one; a new item or a new version, only if
-- it is the primary event. Files of Google's editors are saved with every key stroke: an edit is a new version only of
-- others.
brought AS (
    SELECT
        *,
        list_concat(
            -- Most activities have none of these, and to filter them would copy what they hold.
            CASE
                WHEN list_contains(event_names, 'upload') THEN list_filter(events, lambda e: e.name = 'upload')
            END,
            CASE
                WHEN list_contains(event_names, 'create')
                    THEN list_filter(
                        pool,
                        lambda e: e.name = 'create'
                        AND coalesce(list_filter(e.parameters, lambda p: p.name = 'doc_type')[1].value, '')
                        NOT IN ('folder', 'shortcut', 'shared_drive')
                    )
            END,
            CASE
                WHEN list_contains(event_names, 'edit')
                    THEN list_filter(
                        primaries,
                        lambda e: e.name = 'edit'
                        AND coalesce(list_filter(e.parameters, lambda p: p.name = 'doc_type')[1].value, '') NOT IN (
                            'folder', 'shortcut', 'shared_drive', 'document', 'spreadsheet', 'presentation', 'form',
                            'drawing', 'jam', 'jamboard', 'map', 'script', 'site', 'vid'
                        )
                    )
            END
        ) AS contents
    FROM pooled
),

identified AS (
    SELECT
        *,
        list_transform(
            contents, lambda e: list_filter(e.parameters, lambda p: p.name = 'doc_id')[1].value
        ) AS content_ids
    FROM brought
),

-- Each file once, in an order that does not depend on the delivery; else the most informative event.
listed AS (
    SELECT
        *,
        CASE
            -- The usual case, without a sort of what holds a whole event.
            WHEN length(contents) = 1
                THEN [struct_pack(id := content_ids[1], event := contents[1], n := CAST(1 AS BIGINT))]
            WHEN length(contents) > 0
                THEN list_sort(
                    list_filter(
                        list_transform(contents, lambda e, i: struct_pack(id := content_ids[i], event := e, n := i)),
                        lambda f: f.id IS NULL OR list_position(content_ids, f.id) = f.n
                    )
                )
            ELSE [
                struct_pack(
                    id := CAST(NULL AS VARCHAR),
                    event := coalesce(
                        list_filter(pool, lambda e: e.name = 'create')[1],
                        list_filter(pool, lambda e: e.name = 'edit' AND has_primary)[1],
                        list_filter(pool, lambda e: list_contains(names, e.name))[1],
                        list_filter(pool, lambda e: e.name IS NOT NULL)[1]
                    ),
                    n := CAST(NULL AS BIGINT)
                )
            ]
        END AS asset_events
    FROM identified
    CROSS JOIN activity_operations
),

chosen AS (
    SELECT
        *,
        each_event.event AS main,
        each_event.n IS NOT NULL AS is_content,
        -- Names and values side by side: to filter the parameters for each name would copy them each time.
        list_transform(each_event.event.parameters, lambda p: p.name) AS parameter_names,
        list_transform(each_event.event.parameters, lambda p: p.value) AS parameter_values,
        list_transform(each_event.event.parameters, lambda p: p."boolValue") AS parameter_booleans
    FROM (
        SELECT *, unnest(asset_events) AS each_event, unnest(range(length(asset_events))) AS asset
        FROM listed
    ) AS spread
),

read_out AS (
    SELECT
        *,
        main.name AS operation,
        coalesce(nullif(application, ''), 'drive') AS listed_application,
        lower(actor_email) AS login,
        parameter_values[list_position(parameter_names, 'doc_id')] AS doc_id,
        parameter_values[list_position(parameter_names, 'doc_title')] AS doc_title,
        parameter_values[list_position(parameter_names, 'owner')] AS owner,
        parameter_values[list_position(parameter_names, 'visibility')] AS visibility,
        parameter_values[list_position(parameter_names, 'originating_app_id')] AS originating_app,
        parameter_booleans[list_position(parameter_names, 'actor_is_collaborator_account')] AS outsider,
        parameter_values[
            least(list_position(parameter_names, 'affected_email_address'), list_position(parameter_names, 'USER_EMAIL'))
        ] AS affected,
        parameter_booleans[list_position(parameter_names, 'has_alert')] AS has_alert,
        parameter_values[list_position(parameter_names, 'login_type')] AS login_type,
        parameter_booleans[list_position(parameter_names, 'is_suspicious')] AS suspicious,
        CASE
            WHEN list_contains(event_names, 'add_to_folder')
                THEN list_filter(
                    list_filter(events, lambda e: e.name = 'add_to_folder')[1].parameters,
                    lambda p: p.name = 'destination_folder_title'
                )[1]
        END AS destination,
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

decided AS (
    SELECT
        read_out.*,
        -- For an application that is not read, one row decides for all of its events.
        coalesce(one.meaning, whole.meaning) AS listed_meaning,
        one.meaning IS NULL AND whole.meaning IS NOT NULL AS of_another_application,
        one.only_if,
        one.otherwise,
        coalesce(affected, '') <> '' AS about_affected
    FROM read_out
    LEFT JOIN operations AS one
        ON read_out.operation = one.operation AND read_out.listed_application = one.application
    LEFT JOIN operations AS whole ON whole.operation = '*' AND read_out.listed_application = whole.application
),

meant AS (
    SELECT
        *,
        CASE
            WHEN only_if = 'external' AND NOT coalesce(made_external, FALSE) THEN otherwise
            WHEN only_if = 'alert' AND coalesce(has_alert, '') <> 'true' THEN otherwise
            -- An act that shows an item to outsiders is a share, whatever else it does.
            WHEN listed_meaning IN ('copy', 'irrelevant') AND made_external AND listed_application = 'drive' THEN 'share_external'
            ELSE listed_meaning
        END AS meaning
    FROM decided
),

named AS (
    SELECT
        *,
        CASE
            WHEN meaning IN ('copy', 'irrelevant') THEN NULL
            WHEN meaning IN ('upload', 'edit') AND NOT is_content THEN NULL
            ELSE meaning
        END AS kind
    FROM meant
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    CAST(NULL AS DATE) AS publication_day,
    CASE WHEN qualifier <> '' THEN concat(application, ':', time_text, ':', qualifier) END AS event_id,
    CAST(asset AS INTEGER) AS asset,
    asset = 0 AS counted,
    time_text,
    operation,
    kind,
    CASE
        WHEN
            caller_type NOT IN ('USER', 'EXTERNAL_USER', 'KEY', 'APPLICATION') AND kind IS NOT NULL AND NOT about_affected
            AND coalesce(actor_email, '') = '' AND coalesce(profile_id, '') IN ('', '105250506097979753968')
            THEN 'an actor of an unknown kind, without an id'
    END AS fault,
    FALSE AS doubtful,
    meaning,
    CASE
        WHEN of_another_application THEN 'of an application that is not watched'
        WHEN meaning = 'upload' THEN 'not a file'
        WHEN meaning = 'edit' THEN 'edit in a Google editor'
    END AS ignored_because,
    -- The placeholder for people without an account is not an id.
    CASE
        WHEN NOT about_affected THEN coalesce(
            nullif(profile_id, '105250506097979753968'),
            -- An application that acts for nobody is identified by its own id.
            CASE WHEN coalesce(actor_email, '') = '' AND coalesce(caller_type, 'APPLICATION') = 'APPLICATION' THEN oauth_client END
        )
    END AS user_id,
    CASE WHEN about_affected THEN lower(affected) ELSE login END AS email,
    CAST(NULL AS VARCHAR) AS display_name,
    CAST(NULL AS VARCHAR) AS second_id,
    CASE
        WHEN about_affected THEN 'person'
        WHEN login LIKE '%_@%.gserviceaccount.com' THEN 'service'
        WHEN caller_type = 'KEY' AND caller_key = 'SYSTEM' THEN 'system'
        WHEN caller_type = 'KEY' THEN 'service'
        WHEN coalesce(actor_email, '') = '' AND coalesce(profile_id, '') IN ('', '105250506097979753968')
            THEN CASE
                WHEN coalesce(caller_type, 'APPLICATION') = 'APPLICATION' AND oauth_client <> '' THEN 'app'
                ELSE 'anonymous'
            END
        WHEN caller_type = 'EXTERNAL_USER' THEN 'guest'
        WHEN oauth_client IS NOT NULL OR agent_name IS NOT NULL OR agentic = 'true' THEN 'app'
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
    CAST(NULL AS VARCHAR) AS user_agent,
    ip_text,
    country_text,
    CASE
        WHEN suspicious = 'true' THEN 'marked suspicious by Google'
        WHEN operation = 'email_forwarding_out_of_domain' THEN 'mail is forwarded outside the organisation'
        WHEN kind IN ('sign_in', 'sign_in_failed') THEN login_type
        WHEN kind IN ('provider_alert', 'mfa_disabled', 'password_reset', 'credentials_changed', 'share_external')
            THEN replace(operation, '_', ' ')
    END AS detail,
    CAST(NULL AS VARCHAR) AS alert_id,
    CAST(NULL AS VARCHAR) AS shared_with,
    -- Files are looked up on behalf of an account, by its address.
    CASE WHEN actor_email LIKE '%_@_%' THEN lower(actor_email) END AS asker,
    CASE WHEN owner LIKE '%_@_%' THEN lower(owner) END AS owner_asker,
    CAST(NULL AS VARCHAR) AS site_id,
    CAST(NULL AS VARCHAR) AS list_id,
    CAST(NULL AS VARCHAR) AS folder_id
FROM named
