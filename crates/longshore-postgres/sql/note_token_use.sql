-- Notes that a token was used, unless that was noted in the last $2 seconds. A time from later than now is
-- from before the clock was set back, and would keep others from being noted.
-- Locks: the token's row, if it is noted. Index: api_token_pkey.
UPDATE api_token SET last_used_at = clock_timestamp()
WHERE id = $1 AND (last_used_at BETWEEN clock_timestamp() - make_interval(secs => $2)
                                    AND clock_timestamp()) IS NOT TRUE
