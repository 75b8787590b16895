// Keys and other conveniences; every page works without it.
