-- Puts the address in the place of the text that holds it, in whatever shape, and nothing where it holds none. Most texts
-- are as they are to be, and their rows stay untouched.
-- Reads: parsed_addresses (text, ip: of those texts alone that change).
UPDATE events
SET ip = parsed_addresses.ip
FROM parsed_addresses
WHERE events.ip = parsed_addresses.text
