-- Notes that a token was used, unless that was noted at :noted or since. A time from later than now is from
-- before the clock was set back, and would keep others from being noted. By primary key.
UPDATE api_token SET last_used_at = :now
WHERE id = :token AND (last_used_at BETWEEN :noted AND :now) IS NOT TRUE
