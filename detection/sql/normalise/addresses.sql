-- Replaces the text of each address by its normal form, or by NULL where it holds no address. Most texts are already in
-- normal form, and their rows are not touched.
-- Reads: parsed_addresses (text, ip: only for texts that change).
UPDATE events
SET ip = parsed_addresses.ip
FROM parsed_addresses
WHERE events.ip = parsed_addresses.text
