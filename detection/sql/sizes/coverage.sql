-- How many uploads have their size from where. Reads: uploads.
SELECT size_source, count(*) AS files
FROM uploads
GROUP BY size_source
ORDER BY size_source
