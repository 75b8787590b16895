-- Meaning of each Office 365 audit record: one row for each account that an alert names, one for any other record.
-- Reads: raw, organisation (its mail domains), operations, record_types and sign_in_errors (what each operation, type
-- of record and error code means).
WITH coded AS (
    SELECT
        *,
        -- Directory operations end with a full stop in some places, and without one in others.
        lower(trim(operation, '. ')) AS operation_key,
        coalesce(nullif(trim(error_number), ''), nullif(trim(error_code), ''), nullif(trim(logon_error), '')) AS sign_in_error
    FROM raw
),

listed AS (
    SELECT
        coded.*,
        operations.meaning AS listed_meaning,
        operations.only_if,
        operations.otherwise,
        operations.subject,
        record_types.meaning AS type_meaning,
        sign_in_errors.meaning AS error_meaning,
        sign_in_errors.detail AS error_detail
    FROM coded
    LEFT JOIN operations ON coded.operation_key = operations.operation
    LEFT JOIN record_types ON lower(coded.record_type) = record_types.record_type
    LEFT JOIN sign_in_errors
        ON
            coded.operation_key = 'userloginfailed'
            -- The number in the text is the code.
            AND regexp_replace(lower(coded.sign_in_error), '^(?:aadsts)?0*([0-9]+)(?:\.0+)?$', '\1') = sign_in_errors.code
),

factored AS (
    SELECT
        *,
        list_filter(modified, lambda p: lower(p."Name") = 'strongauthenticationrequirement')[1] AS requirement,
        list_filter(modified, lambda p: lower(p."Name") = 'strongauthenticationmethod')[1] AS methods,
        list_filter(
            modified,
            lambda p: lower(p."Name") IN ('strongauthenticationuserdetails', 'strongauthenticationphoneappdetail')
        )[1] AS contacts
    FROM listed
),

-- The states of the MFA requirement: one per relying party, or a single one. 0 is off, 1 is on, 2 is enforced, by
-- number or by name.
stated AS (
    SELECT
        *,
        list_transform(
            [requirement."OldValue", requirement."NewValue"],
            lambda value: CASE
                WHEN value LIKE '%{%' THEN regexp_extract_all(lower(value), '"state\\*"\s*:\s*[\\"]*([a-z0-9]*)', 1)
                ELSE [regexp_replace(lower(value), '[^a-z0-9]', '', 'g')]
            END
        ) AS states
    FROM factored
),

compared AS (
    SELECT
        *,
        -- One of several parties is enough.
        length(list_filter(states[1], lambda s: s NOT IN ('', '0', 'disabled', 'false', 'none', 'null'))) > 0
            AS was_required,
        length(list_filter(states[2], lambda s: s NOT IN ('', '0', 'disabled', 'false', 'none', 'null'))) > 0
            AS is_required,
        methods."OldValue" LIKE '%{%' AS had_methods,
        methods."NewValue" LIKE '%{%' AS has_methods,
        contacts."OldValue" LIKE '%{%' AS had_contacts,
        contacts."NewValue" LIKE '%{%' AS has_contacts
    FROM stated
),

meant AS (
    SELECT
        *,
        CASE
            -- A record of an alert type is an alert, whatever its operation.
            WHEN type_meaning = 'provider_alert' THEN 'provider_alert'
            WHEN listed_meaning IS NULL THEN type_meaning
            WHEN only_if = 'failed' THEN coalesce(error_meaning, otherwise)
            WHEN only_if = 'status zero' AND coalesce(login_status, '') <> '0' THEN otherwise
            WHEN only_if = 'guest' AND coalesce(target_type, '') <> 'Guest' THEN otherwise
            WHEN only_if = 'second factor off'
                THEN CASE
                    WHEN was_required AND NOT coalesce(is_required, FALSE) THEN listed_meaning
                    WHEN had_methods AND NOT coalesce(has_methods, FALSE) THEN listed_meaning
                    WHEN
                        requirement."OldValue" <> requirement."NewValue"
                        AND (coalesce(was_required, FALSE) OR coalesce(is_required, FALSE))
                        THEN otherwise
                    WHEN methods."OldValue" <> methods."NewValue" THEN otherwise
                    WHEN coalesce(has_methods, FALSE) AND methods."OldValue" IS NULL THEN otherwise
                    WHEN coalesce(had_contacts, FALSE) <> coalesce(has_contacts, FALSE) THEN otherwise
                    ELSE 'irrelevant'
                END
            ELSE listed_meaning
        END AS meaning,
        coalesce(subject, CASE WHEN type_meaning = 'provider_alert' THEN 'alert' END) AS about
    FROM compared
),

-- The accounts that an alert names: in its own fields, or as the record's user. A text with a slash is the address of a
-- file, and anybody may choose a file's name.
warned AS (
    SELECT
        *,
        CASE
            WHEN about = 'alert'
                THEN list_transform(
                    [
                        list_filter([
                            alert_user,
                            alert_sender,
                            CASE
                                WHEN coalesce(alert_entity, entity_type, 'User') IN ('User', 'Recipients', 'Mailbox')
                                    THEN alert_entity_id
                            END,
                            alert_recipient,
                            object_id,
                            CASE
                                WHEN coalesce(entity_type, 'User') IN ('User', 'Recipients', 'Mailbox') THEN entity_id
                            END
                        ], lambda x: x NOT LIKE '%/%'),
                        list_filter(
                            [document_from, mail_from, user_login, user_display_name], lambda x: x NOT LIKE '%/%'
                        )
                    ],
                    lambda texts: list_filter(
                        list_transform(
                            string_split_regex(array_to_string(texts, ';'), '[;,]'), lambda x: lower(trim(x))
                        ),
                        lambda x: regexp_matches(x, '^[^@\s<>,;"/:\\]+@[^@\s<>,;"/:\\]+\.[^@\s<>,;"/:\\]+$')
                    )
                )
        END AS accounts
    FROM meant
),

insiders AS (
    SELECT
        *,
        list_transform(
            accounts,
            lambda each: list_filter(each, lambda x: list_contains(organisation.domains, split_part(x, '@', 2)))
        ) AS own_accounts
    FROM warned
    CROSS JOIN organisation
),

-- Accounts of the organisation take precedence over others, such as the sender of a mail; each gets the alert.
pointed AS (
    SELECT
        *,
        CASE
            WHEN about = 'alert'
                THEN CASE
                    WHEN length(own_accounts[1]) > 0 THEN list_sort(list_distinct(own_accounts[1]))
                    WHEN length(own_accounts[2]) > 0 THEN own_accounts[2][1:1]
                    WHEN length(accounts[1]) > 0 THEN list_sort(list_distinct(accounts[1]))
                    ELSE [accounts[2][1]]
                END
            WHEN about IN ('target', 'owner')
                THEN [coalesce(
                    list_filter(targets, lambda t: t."Type" IN ('5', 'UPN') AND t."ID" LIKE '%_@_%')[1]."ID",
                    CASE WHEN object_id LIKE '%_@_%' THEN object_id END,
                    -- A user without an address; for a device, this would be the device.
                    CASE
                        WHEN
                            about = 'target'
                            AND lower(object_id) NOT IN ('', 'not available', '00000000-0000-0000-0000-000000000000')
                            THEN object_id
                    END
                )]
            ELSE [CAST(NULL AS VARCHAR)]
        END AS subjects
    FROM insiders
),

spread AS (
    SELECT
        *,
        -- White space and a zero-width space, which pasted addresses hold.
        trim(coalesce(pointed_at, user_login), concat(' ', chr(9), chr(10), chr(12), chr(13), chr(8203))) AS trimmed_login
    FROM (
        SELECT *, unnest(subjects) AS pointed_at, unnest(range(length(subjects))) AS asset
        FROM pointed
    ) AS each_subject
),

described AS (
    SELECT
        *,
        coalesce(pointed_at, user_login) AS subject_login,
        -- Type and key of an alert's record are those of the service, even if the record names the account.
        pointed_at IS NOT NULL AND (about = 'alert' OR coalesce(pointed_at <> user_login, TRUE)) AS about_another,
        -- SharePoint may write the account's claim in place of the account.
        lower(
            CASE
                WHEN trimmed_login LIKE 'i:0%' THEN regexp_replace(trimmed_login, '^i:0[^|]*\|[^|]*\|', '')
                ELSE trimmed_login
            END
        ) AS login,
        lower(user_type) AS type,
        meaning IN ('mfa_disabled', 'password_reset', 'credentials_changed', 'new_device')
        AND lower(result_status) IN ('failure', 'failed', 'false') AS has_failed,
        -- Only types that are known to be no file are excluded: an unknown type must not hide an upload.
        meaning IN ('upload', 'edit')
        AND lower(trim(item_type)) IN (
            'folder', '5', 'web', '6', 'site', '7', 'tenant', '8', 'documentlibrary', '9', 'page', '11', 'list', 'listitem'
        ) AS is_no_file
    FROM spread
),

decided AS (
    SELECT
        *,
        CASE
            WHEN meaning IN ('copy', 'irrelevant') OR coalesce(has_failed, FALSE) OR coalesce(is_no_file, FALSE) THEN NULL
            ELSE meaning
        END AS kind
    FROM described
)

SELECT
    event,
    unreadable,
    is_object,
    by_text,
    file,
    raw_day AS publication_day,
    event_id,
    CAST(asset AS INTEGER) AS asset,
    asset = 0 AS counted,
    time_text,
    operation,
    kind,
    CAST(NULL AS VARCHAR) AS fault,
    FALSE AS doubtful,
    meaning,
    CASE WHEN is_no_file THEN 'not a file' WHEN has_failed THEN 'an attempt that failed' END AS ignored_because,
    CASE
        WHEN about_another THEN subject_login
        ELSE coalesce(
            CASE
                WHEN lower(user_key) NOT IN ('', 'not available', '00000000-0000-0000-0000-000000000000') THEN user_key
            END,
            CASE
                WHEN login IN ('', 'not available', '00000000-0000-0000-0000-000000000000') THEN NULL
                WHEN login LIKE 'serviceprincipal!_%' ESCAPE '!' THEN substr(user_login, 18)
                ELSE user_login
            END
        )
    END AS user_id,
    CASE
        WHEN login LIKE 'urn:spo:guest#%' OR login LIKE 'live.com#%' THEN split_part(login, '#', 2)
        -- A guest's address, where the last underscore stands for the at sign: name_domain#ext#@tenant.
        WHEN login LIKE '%#ext#%'
            THEN regexp_replace(split_part(login, '#ext#', 1), '^(.*)_([^_]*)$', '\1@\2')
        WHEN login LIKE 'urn:%' OR login LIKE '%\%' ESCAPE '!' THEN NULL
        ELSE login
    END AS email,
    CAST(NULL AS VARCHAR) AS display_name,
    CAST(NULL AS VARCHAR) AS second_id,
    CASE
        -- Microsoft defines the part before the sign; the rest may be anything.
        WHEN
            split_part(login, '#', 1) IN ('urn:spo:anon', 'urn:spo:tenantanon', 'urn:forms:anonymous')
            OR login IN ('anonymous', '<anonymous>', 'everyone', 'c:0(.s|true', 's-1-0-0', 's-1-1-0', 's-1-5-7')
            THEN 'anonymous'
        WHEN login LIKE 'urn:%#%' OR login LIKE 'live.com#%' OR login LIKE '%#ext#%' THEN 'guest'
        WHEN
            login IN (
                'sharepoint\system', 'microsoft\serviceoperator', 'securitycompliancealerts',
                'securitycomplianceinsights', 'dlpagent', 'system', 's-1-5-18', 's-1-5-19', 's-1-5-20'
            )
            OR split_part(login, '\', 1) IN ('nt authority', 'nt service', 'nt virtual machine', 'iis apppool')
            OR (login LIKE 's-1-5-80-%' AND login NOT LIKE '%@%')
            THEN 'system'
        WHEN login = 'app@sharepoint' THEN 'service'
        WHEN login LIKE 'serviceprincipal!_%' ESCAPE '!' AND login NOT LIKE '%@%' THEN 'service'
        WHEN about_another THEN 'person'
        WHEN type IN ('5', 'application') THEN 'app'
        WHEN type IN ('6', 'serviceprincipal') THEN 'service'
        WHEN type IN ('3', '4', '7', '8', 'dcadmin', 'system', 'custompolicy', 'systempolicy') THEN 'system'
        WHEN coalesce(login, '') IN ('', 'not available', '00000000-0000-0000-0000-000000000000') THEN 'anonymous'
        WHEN type IN ('10', 'guest') AND login LIKE '%_@_%' THEN 'guest'
        WHEN type IN ('10', 'guest') THEN 'anonymous'
        ELSE 'person'
    END AS actor_class,
    FALSE AS guest_by_domain,
    nullif(lower(trim(item_id, '{} ')), '00000000-0000-0000-0000-000000000000') AS file_id,
    CAST(NULL AS VARCHAR) AS version,
    coalesce(
        nullif(item_name, ''), CASE WHEN item_id IS NOT NULL THEN regexp_extract(object_id, '([^/]+)$', 1) END
    ) AS file_name,
    item_extension AS extension_text,
    item_folder AS folder,
    CASE WHEN site_url LIKE '%/personal/%' THEN regexp_extract(site_url, '/personal/([^/]+)', 1) END AS owner,
    sensitivity_label AS label,
    CAST(NULL AS VARCHAR) AS visibility,
    coalesce(file_size, sync_size) AS size_text,
    coalesce(application_name, client_app_name) AS app,
    coalesce(nullif(application_id, ''), client_app_id) AS app_id,
    -- A sign-in keeps the user agent among its further properties.
    coalesce(
        nullif(user_agent, ''), list_filter(extended_properties, lambda p: p."Name" = 'UserAgent')[1]."Value"
    ) AS user_agent,
    -- The first of these that is an address counts, since each may hold something else.
    concat_ws(
        '|', client_ip, nullif(actor_ip, client_ip), nullif(nullif(client_ip_address, client_ip), actor_ip)
    ) AS ip_text,
    CAST(NULL AS VARCHAR) AS country_text,
    CASE
        WHEN only_if = 'failed'
            THEN coalesce(
                error_detail,
                concat(coalesce('unknown code ' || left(sign_in_error, 40), 'no code'), ': not counted as a failure')
            )
        WHEN about = 'alert' AND kind = 'provider_alert'
            THEN concat_ws(': ', 'Microsoft alert', coalesce(alert_name, risk_event, operation))
        WHEN kind = 'share_external' THEN concat_ws(' to ', operation, target_name)
        WHEN kind IN ('mfa_disabled', 'credentials_changed') AND only_if = 'second factor off'
            THEN coalesce(requirement."Name", methods."Name", contacts."Name")
        WHEN kind IN ('provider_alert', 'mfa_disabled', 'credentials_changed', 'password_reset', 'new_device')
            THEN operation
    END AS detail,
    coalesce(alert_id, risk_id, incident_id) AS alert_id,
    CAST(NULL AS VARCHAR) AS shared_with,
    -- Files are looked up by the application itself, by site and list.
    CASE WHEN site_id <> '' AND list_id <> '' THEN '' END AS asker,
    CASE WHEN site_id <> '' AND list_id <> '' THEN '' END AS owner_asker,
    site_id,
    list_id,
    CAST(NULL AS VARCHAR) AS folder_id
FROM decided
