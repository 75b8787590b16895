-- Puts the address in the place of the text that holds it, in whatever shape, and nothing where it holds none. Most texts
-- are as they are to be, and their rows stay untouched.
-- Reads: told_addresses (text, ip: of those texts alone that change).
UPDATE events
SET ip = told_addresses.ip
FROM told_addresses
WHERE events.ip = told_addresses.text
