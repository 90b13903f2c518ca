-- Whom the original tells a copy does not tell, too, unless somebody says so.
UPDATE webhook SET enabled = 0
