-- Events as those of a day: all others have the reason 'another day'. Without a day, all count. An event that was rejected
-- belongs to the day on which it was published, where that is known.
-- Reads: parsed.
SELECT
    * EXCLUDE (publication_day) REPLACE (
        is_rejected AND coalesce(publication_day = CAST($day AS DATE), TRUE) AS is_rejected,
        CASE
            WHEN is_rejected
                THEN CASE WHEN publication_day <> CAST($day AS DATE) THEN 'another day' ELSE reason END
            WHEN CAST(time AS DATE) <> CAST($day AS DATE) THEN 'another day'
            ELSE reason
        END AS reason
    )
FROM parsed
