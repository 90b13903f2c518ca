-- And no more.
UPDATE closed SET importing = 0
